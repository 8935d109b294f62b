package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Config is what the gateway needs. Fields are required but those that say
// otherwise.
type Config struct {
	Gateway  *mcp.Gateway
	Upstream string // URL of the server's endpoint
	Logger   *slog.Logger

	// Hosts are names by which clients may reach the gateway besides this machine's
	// own: a page that makes a browser believe that its name means this machine
	// (DNS rebinding) is refused. Optional.
	Hosts []string
	// Origins are web origins whose pages may call. Optional: none but this machine's.
	Origins []string
}

const (
	maxMessage = 16 << 20 // bytes of one message, either way
	headerWait = 10 * time.Second
)

// Server is the gateway's endpoint: an http.Handler for the path of the upstream's
// URL. Make one with New; Close it when no request is served any more.
type Server struct {
	cfg      Config
	upstream *url.URL
	client   http.RoundTripper
	sessions *sessions
	ctx      context.Context //nolint:containedctx // of calls, which outlive the requests that brought them
	stop     context.CancelFunc
}

// New prepares the endpoint.
func New(cfg Config) (*Server, error) {
	if cfg.Gateway == nil || cfg.Logger == nil {
		return nil, errors.New("mcp: Gateway and Logger are required")
	}
	u, err := endpoint(cfg.Upstream)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, upstream: u, client: transport(), sessions: newSessions(cfg.Gateway)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends the calls that wait.
func (s *Server) Close() { s.stop() }

func endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("mcp: %q is no URL of a server; write for example http://127.0.0.1:3000/mcp", text)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// transport makes a new connection for each request: one that was used before may
// be dead, and a request that is sent again is an act that is done again.
func transport() http.RoundTripper {
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: headerWait}).DialContext, TLSHandshakeTimeout: headerWait,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.trusted(r):
		refuse(w, http.StatusForbidden, "this Host or Origin may not call the gateway; name it with --host or --origin")
	case r.URL.Path != s.upstream.Path:
		refuse(w, http.StatusNotFound, "the gateway has one endpoint: "+s.upstream.Path)
	case r.Method == http.MethodPost:
		s.post(w, r)
	case r.Method == http.MethodGet, r.Method == http.MethodDelete:
		s.other(w, r)
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		refuse(w, http.StatusMethodNotAllowed, "POST, GET and DELETE are served")
	}
}

// post takes one message.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "a message is application/json")
		return
	}
	if r.Header.Get("Content-Encoding") != "" {
		refuse(w, http.StatusUnsupportedMediaType, "a message is sent as it is, without Content-Encoding")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the message could not be read, or has more than %d bytes", maxMessage))
		return
	}
	m, err := jsonrpc.Parse(body, maxMessage)
	if err == nil && m.Method == "tools/call" && !m.IsRequest() {
		err = &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: "tools/call without an id: nobody would learn what became of it"}
	}
	if err != nil {
		s.cfg.Logger.Warn("a message of the client was refused", "err", err)
		writeJSON(w, http.StatusBadRequest, jsonrpc.Refusal(m.ID, err))
		return
	}
	s.message(w, r, m)
}

func refuse(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, jsonrpc.Failure(nil, jsonrpc.CodeInvalidRequest, text, nil))
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", kindJSON)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON, and said to be; whoever left hears nothing
}

// Path is where the endpoint is served: the path of the upstream's URL.
func (s *Server) Path() string { return s.upstream.Path }
