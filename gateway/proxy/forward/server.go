package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	"github.com/portcullis-dev/portcullis/host"
)

// Config is what the proxy needs. Fields are required but those that say otherwise.
type Config struct {
	Gateway  *proxy.Gateway
	Table    *mapping.Table
	Upstream string // URL of the API; a request's path is put behind its path
	Logger   *slog.Logger

	// Credential is the Authorization that the API gets. Clients never see it, and
	// theirs is not forwarded. Optional.
	Credential string
	// Token is what clients must show as a bearer. Optional: whoever reaches the proxy
	// is the agent.
	Token string
	// Hosts are names by which clients may reach the proxy besides this machine's own,
	// as a page may make a browser believe that its name means this machine (DNS
	// rebinding). Optional.
	Hosts []string
	// Origins are web origins whose pages may call. Optional: none.
	Origins []string
}

// Server is an http.Handler: the proxy. Make one with New.
type Server struct {
	cfg      Config
	upstream upstream
}

// New prepares the proxy.
func New(cfg Config) (*Server, error) {
	if cfg.Gateway == nil || cfg.Table == nil || cfg.Logger == nil {
		return nil, errors.New("forward: Gateway, Table and Logger are required")
	}
	up, err := newUpstream(cfg.Upstream, cfg.Credential)
	if err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, upstream: up}, nil
}

const (
	headerWithin = 10 * time.Second
	bodyWithin   = 30 * time.Second
	maxHeader    = 64 << 10
)

// HTTP is an http.Server that serves the proxy with the limits that it needs.
func (s *Server) HTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: s, Protocols: protocols, ReadHeaderTimeout: headerWithin, MaxHeaderBytes: maxHeader, IdleTimeout: time.Minute,
		DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.trusted(r); err != nil {
		refuse(w, err)
		return
	}
	call, err := s.read(w, r)
	if err != nil {
		s.cfg.Logger.Warn("a request was refused before anything was proposed", "method", r.Method, "path", r.URL.Path, "err", err)
		refuse(w, err)
		return
	}
	s.ask(w, r, call)
}

// read takes a request in, whole, and finds out what it asks for.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (mapping.Call, error) {
	// With a coding of its own a body's length is not said: the library drops a
	// Content-Length beside it, and so neither is accepted.
	if len(r.TransferEncoding) > 0 || r.ContentLength < 0 {
		return mapping.Call{}, &mapping.Fault{Status: http.StatusLengthRequired, Text: "a body is sent with its Content-Length, and without Transfer-Encoding"}
	}
	if r.ContentLength > mapping.MaxBody {
		return mapping.Call{}, &mapping.Fault{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the body has more than %d bytes", mapping.MaxBody)}
	}
	late := time.Now().Add(bodyWithin)
	if err := http.NewResponseController(w).SetReadDeadline(late); err != nil {
		return mapping.Call{}, fmt.Errorf("forward: %w", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mapping.MaxBody))
	if err != nil {
		return mapping.Call{}, &mapping.Fault{Status: http.StatusBadRequest, Text: "the body broke off"}
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return mapping.Call{}, fmt.Errorf("forward: %w", err)
	}
	return s.cfg.Table.Read(mapping.Message{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: body})
}

// ask proposes the call, forwards it on a permit, and answers.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, call mapping.Call) {
	f := &forwarding{upstream: s.upstream, call: call}
	out, sent, err := s.cfg.Gateway.Ask(r.Context(), call, f.act)
	if answer := f.answered(); answer != nil {
		answer.write(w, out, err)
		return
	}
	if errors.Is(err, context.Canceled) {
		s.cfg.Logger.Info("a client left", "tool", call.Tool, "sent", sent)
	}
	write(w, proxy.ProblemOf(err, sent && f.started()))
}

func refuse(w http.ResponseWriter, err error) {
	var f *mapping.Fault
	if errors.As(err, &f) && f.Allow != "" {
		w.Header().Set("Allow", f.Allow)
	}
	w.Header().Set("Connection", "close") // what follows on it may be a part of what was refused
	write(w, proxy.Refusal(err))
}

func write(w http.ResponseWriter, p proxy.Problem) {
	w.Header().Set("Content-Type", proxy.ProblemType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.JSON()) //nolint:gosec // JSON, and said to be; whoever left hears nothing
}

// checkURL reads the URL of an API.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || u.Opaque != "" {
		return nil, fmt.Errorf("forward: %q is no URL of an API; write for example http://127.0.0.1:8080/v1", text)
	}
	return u, nil
}

// Loopback reports whether an address to listen at is this machine's alone.
func Loopback(listen string) bool {
	name, _, err := net.SplitHostPort(listen)
	return err == nil && host.Own(name)
}
