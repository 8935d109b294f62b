package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Part is whether one part of a process could act, at the moment in which it was
// asked. The zero value says that it could not.
type Part struct {
	Role, Name string
	Able       bool
	Why        string // it could not
}

// Pages is what a process answers to those who watch it. Every field but Logger may be
// nil: a process without parts is never ready.
type Pages struct {
	Meters *Meters
	Read   func(context.Context, *Gauges)     // adds what is read when /metrics is asked for
	Parts  func(context.Context) []Part       // looks whether each part could act
	Ended  func(context.Context) (why string) // the process cannot go on; "" while it can
	Logger *slog.Logger
}

const (
	// askers is how many may ask at once; the others are turned away.
	askers    = 8
	textType  = "text/plain; charset=utf-8"
	metricsIs = "text/plain; version=0.0.4; charset=utf-8"
)

// Handler answers GET /metrics, /healthz and /readyz, and nothing else.
//
// /healthz is 200 while the process lives and nothing in it has ended: a supervisor
// that sees anything else starts it anew. /readyz is 200 only if every part has just
// been seen to be able to act; anything else, also that nobody could be asked, is 503.
// The body says who could, and why not, a line each.
func (p Pages) Handler() http.Handler {
	seats := make(chan struct{}, askers)
	mux := http.NewServeMux()
	for path, answer := range map[string]func(context.Context) (int, string, []byte){
		"/metrics": p.metrics, "/healthz": p.health, "/readyz": p.ready,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			status, kind, body := http.StatusServiceUnavailable, textType, []byte("too many ask at once\n")
			select {
			case seats <- struct{}{}:
				defer func() { <-seats }()
				status, kind, body = answer(r.Context())
			default:
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(status)
			_, _ = w.Write(body) // who asks may have heard enough
		})
	}
	return mux
}

func (p Pages) metrics(ctx context.Context) (status int, kind string, body []byte) {
	if p.Meters == nil {
		return http.StatusNotFound, textType, []byte("nothing is counted here\n")
	}
	var now Gauges
	if p.Read != nil {
		p.Read(ctx, &now)
	}
	var page bytes.Buffer
	if err := p.Meters.Expose(&page, now); err != nil {
		return http.StatusInternalServerError, textType, []byte(err.Error() + "\n")
	}
	return http.StatusOK, metricsIs, page.Bytes()
}

func (p Pages) health(ctx context.Context) (status int, kind string, body []byte) {
	if p.Ended != nil {
		if why := p.Ended(ctx); why != "" {
			return http.StatusServiceUnavailable, textType, []byte(oneLine(why) + "\n")
		}
	}
	return http.StatusOK, textType, []byte("it lives\n")
}

func (p Pages) ready(ctx context.Context) (status int, kind string, body []byte) {
	var parts []Part
	if p.Parts != nil {
		parts = p.Parts(ctx)
	}
	if len(parts) == 0 {
		return http.StatusServiceUnavailable, textType, []byte("not ready: nothing has been started yet\n")
	}
	status = http.StatusOK
	var b strings.Builder
	for _, part := range parts {
		if part.Able {
			fmt.Fprintf(&b, "%s %s: ready\n", part.Role, part.Name)
			continue
		}
		status = http.StatusServiceUnavailable
		fmt.Fprintf(&b, "%s %s: not ready: %s\n", part.Role, part.Name, oneLine(part.Why))
	}
	return status, textType, []byte(b.String())
}

// oneLine keeps a reason, which may quote what brokers say, from looking like more
// lines of the page.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Listener answers for Pages at an address. Make one with Listen and Close it.
type Listener struct {
	address string
	server  *http.Server
	done    chan struct{}
}

const (
	requestWithin  = 5 * time.Second
	answerWithin   = 15 * time.Second // a look at readiness takes its patience
	maxHeaderBytes = 16 << 10
)

// Listen begins to answer at HOST:PORT. Without a host it is this machine alone, not
// every address that it has; port 0 is any free one.
func Listen(ctx context.Context, address string, p Pages) (*Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %q is no HOST:PORT: %w; give one such as 127.0.0.1:9464", address, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("telemetry: listening at %s: %w; give another address", address, err)
	}
	l := &Listener{address: listener.Addr().String(), done: make(chan struct{}), server: &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: requestWithin, ReadTimeout: requestWithin, WriteTimeout: answerWithin,
		IdleTimeout: time.Minute, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(p.Logger.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(l.done)
		if err := l.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.Logger.Error("nobody can ask for metrics any more; nothing else depends on it", "err", err)
		}
	}()
	return l, nil
}

// Address is where it answers.
func (l *Listener) Address() string { return l.address }

// Close ends answering at once: no action hangs on an answer.
func (l *Listener) Close() {
	_ = l.server.Close() // it has no more to say
	<-l.done
}
