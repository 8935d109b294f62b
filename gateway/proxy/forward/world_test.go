package forward_test

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
	"github.com/portcullis-dev/portcullis/gateway/proxy/proxytest"
)

// api is an upstream that notes the bytes of each request, and answers with bytes.
type api struct {
	listener net.Listener

	mu       sync.Mutex
	requests []string
	answer   func(net.Conn) // instead of "paid"
}

func newAPI(t *testing.T) *api {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	a := &api{listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go a.serve()
	return a
}

func (a *api) serve() {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		go a.one(conn)
	}
}

// one reads one request as bytes, and answers.
func (a *api) one(conn net.Conn) {
	defer conn.Close()
	var raw strings.Builder
	in := bufio.NewReader(io.TeeReader(conn, &raw))
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	a.mu.Lock()
	a.requests = append(a.requests, raw.String())
	answer := a.answer
	a.mu.Unlock()
	if answer != nil {
		answer(conn)
		return
	}
	say(conn, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nSet-Cookie: a=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nPortcullis-Outcome: LIE\r\nX-End: 1\r\nContent-Length: 13\r\n\r\n{\"paid\":true}")
}

func say(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func (a *api) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.requests...)
}

func (a *api) answers(with func(net.Conn)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = with
}

func (a *api) url() string { return "http://" + a.listener.Addr().String() + "/v1" }

// gate is the proxy before an API.
type gate struct {
	t    *testing.T
	w    *proxytest.World
	api  *api
	addr string
}

func open(t *testing.T, adjust func(*forward.Config)) *gate {
	t.Helper()
	return before(t, proxytest.New(t), adjust)
}

func before(t *testing.T, w *proxytest.World, adjust func(*forward.Config)) *gate {
	t.Helper()
	g := &gate{t: t, w: w, api: newAPI(t)}
	cfg := forward.Config{Gateway: w.Gateway, Table: w.Table, Upstream: g.api.url(), Logger: slog.New(slog.DiscardHandler)}
	if adjust != nil {
		adjust(&cfg)
	}
	server, err := forward.New(cfg)
	must(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	g.addr = listener.Addr().String()
	serving := server.HTTP()
	done := make(chan struct{})
	go func() { defer close(done); _ = serving.Serve(listener) }()
	t.Cleanup(func() { _ = serving.Close(); <-done })
	return g
}

// reply is what a client got.
type reply struct {
	status  int
	header  http.Header
	body    string
	problem proxy.Problem
}

// raw sends bytes and reads one answer.
func (g *gate) raw(text string) reply {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", g.addr)
	must(g.t, err)
	defer conn.Close()
	say(conn, text)
	method, _, _ := strings.Cut(text, " ")
	return g.read(conn, method)
}

func (g *gate) read(conn net.Conn, method string) reply {
	g.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	must(g.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(g.t, err)
	r := reply{status: response.StatusCode, header: response.Header, body: string(body)}
	if response.Header.Get("Content-Type") == proxy.ProblemType {
		must(g.t, json.Unmarshal(body, &r.problem))
	}
	return r
}

// pay asks for a payment with further header lines.
func (g *gate) pay(lines ...string) reply {
	g.t.Helper()
	return g.raw(payment(order, lines...))
}

func payment(body string, lines ...string) string {
	return message("POST /accounts/acme/payments HTTP/1.1", body, append([]string{"Content-Type: application/json"}, lines...)...)
}

// message is a request's bytes.
func message(line, body string, lines ...string) string {
	lines = append([]string{line, "Host: localhost"}, lines...)
	if body != "" {
		lines = append(lines, "Content-Length: "+itoa(len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
