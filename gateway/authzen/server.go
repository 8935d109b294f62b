package authzen

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// The endpoints (AuthZEN 1.0, section 10.1).
const (
	pathEvaluation  = "/access/v1/evaluation"
	pathEvaluations = "/access/v1/evaluations"
	pathSubjects    = "/access/v1/search/subject"
	pathResources   = "/access/v1/search/resource"
	pathActions     = "/access/v1/search/action"
	pathMetadata    = "/.well-known/authzen-configuration"
)

// maxBody bounds a request in bytes.
const maxBody = 1 << 20

// Server is the HTTPS binding. It implements http.Handler.
type Server struct {
	cfg  Config
	mux  *http.ServeMux
	last atomic.Pointer[book] // of the release that was in force when somebody asked last
}

// New prepares a server.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux()}
	for path, answer := range map[string]func(context.Context, members) (any, error){
		pathEvaluation: s.evaluation, pathEvaluations: s.evaluations,
		pathSubjects: s.subjects, pathResources: s.resources, pathActions: s.actions,
	} {
		s.mux.HandleFunc("POST "+path, s.post(answer))
	}
	s.mux.HandleFunc("GET "+pathMetadata, s.metadata)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, id := range r.Header.Values(requestID) {
		w.Header().Add(requestID, id)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	// Where to ask is no secret, and who reads it must not yet have a token.
	if status := s.cfg.Access.refuses(r); status != 0 && (status != http.StatusUnauthorized || r.URL.Path != pathMetadata) {
		refuse(w, status)
		return
	}
	s.mux.ServeHTTP(w, r)
}

const requestID = "X-Request-ID"

func refuse(w http.ResponseWriter, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "authenticate with the bearer token or the client certificate that this decision point demands", status)
		return
	}
	http.Error(w, "this decision point answers this machine alone, by its own name", status)
}

// post is what all endpoints that answer questions have in common.
func (s *Server) post(answer func(context.Context, members) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			http.Error(w, "the request must be of Content-Type application/json", http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			http.Error(w, "the request is too large; at most 1 MiB is read", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "the request ended too early", http.StatusBadRequest)
			return
		}
		m, err := object("the request", body)
		var out any
		if err == nil {
			out, err = answer(r.Context(), m)
		}
		s.reply(w, out, err)
	}
}

func (s *Server) reply(w http.ResponseWriter, out any, err error) {
	if wrong, ok := errors.AsType[*fault](err); ok {
		http.Error(w, wrong.text, http.StatusBadRequest)
		return
	}
	if errors.Is(err, pdp.ErrUnable) {
		s.cfg.Logger.Warn("nobody is answered", "why", err)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "no decision can be made now; deny. The reason is in this decision point's log.", http.StatusServiceUnavailable)
		return
	}
	var body json.RawMessage
	if err == nil {
		body, err = jsonrpc.Encode(out)
	}
	if err != nil {
		s.cfg.Logger.Error("a request could not be answered", "err", err)
		http.Error(w, "internal error; deny", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // who does not wait for it does not get it
}

// book is the release in force as clients see it. A Core that may be asked has one.
func (s *Server) book(c *pdp.Core) *book {
	release := c.Release()
	b := s.last.Load()
	if b == nil || b.release.Digest != release.Digest {
		b = newBook(release, s.cfg.Mapping)
		s.last.Store(b)
	}
	return b
}
