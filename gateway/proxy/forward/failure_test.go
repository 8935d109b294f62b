package forward_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
	"github.com/portcullis-dev/portcullis/gateway/proxy/proxytest"
)

// TestWhatTheAPIAnswers: each answer passes as it is, once, and the outcome says what
// it means.
func TestWhatTheAPIAnswers(t *testing.T) {
	g := open(t, nil)
	for name, test := range map[string]struct {
		answer, outcome string
		status          int
	}{
		"done":            {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "EXECUTED", 200},
		"empty":           {"HTTP/1.1 204 No Content\r\n\r\n", "EXECUTED", 204},
		"chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "EXECUTED", 200},
		"redirect":        {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "EXECUTED", 307},
		"early hint":      {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "EXECUTED", 200},
		"refused":         {"HTTP/1.1 422 Unprocessable\r\nContent-Length: 2\r\n\r\nno", "FAILED", 422},
		"asks to repeat":  {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", "FAILED", 429},
		"broke":           {"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nxx", "INDETERMINATE", 500},
		"is not there":    {"HTTP/1.1 503 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", "INDETERMINATE", 503},
		"asks for a name": {"HTTP/1.1 401 Who\r\nWww-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "FAILED", 401},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(g.api.got())
			g.api.answers(func(conn net.Conn) { say(conn, test.answer) })
			got := g.pay()
			if got.status != test.status || got.header.Get("Portcullis-Outcome") != test.outcome || got.problem.Title != "" {
				t.Errorf("%d %q %s", got.status, got.header.Get("Portcullis-Outcome"), got.body)
			}
			if n := len(g.api.got()) - before; n != 1 {
				t.Errorf("the API got %d requests", n)
			}
		})
	}
}

// TestNobodyKnows: an API that goes away after it got a request may have done it: the
// outcome is INDETERMINATE, and it is not asked again.
func TestNobodyKnows(t *testing.T) {
	g := open(t, nil)
	for name, answer := range map[string]string{
		"no answer":           "",
		"half a status":       "HTTP/1.1 20",
		"half a body":         "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"paid\"",
		"chunks without end":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
		"no HTTP":             "SSH-2.0-x\r\n",
		"another protocol":    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"too large":           "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("a", 17<<20),
		"a header too large":  "HTTP/1.1 200 OK\r\nX-Big: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"length and chunks":   "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
		"a body that is none": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(g.api.got())
			g.api.answers(func(conn net.Conn) { say(conn, answer) })
			got := g.pay()
			if got.status != http.StatusGatewayTimeout || got.problem.Outcome != "INDETERMINATE" || !got.problem.Sent || got.problem.OutcomeAt == "" {
				t.Errorf("%d %s", got.status, got.body)
			}
			if n := len(g.api.got()) - before; n != 1 {
				t.Errorf("the API got %d requests", n)
			}
		})
	}
}

// TestNothingListens: a request that reached nobody has FAILED, and was not sent.
func TestNothingListens(t *testing.T) {
	g := open(t, nil)
	must(t, g.api.listener.Close())
	got := g.pay()
	if got.status != http.StatusBadGateway || got.problem.Outcome != "FAILED" || got.problem.Sent {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestSilentAPI: at the deadline the wait is over, and nobody knows.
func TestSilentAPI(t *testing.T) {
	w := proxytest.New(t)
	g := before(t, w, func(c *forward.Config) { c.Gateway = w.Within(t, 3*time.Second) })
	gone := make(chan struct{})
	g.api.answers(func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // until the proxy hangs up
		close(gone)
	})
	got := g.pay()
	if got.status != http.StatusGatewayTimeout || !got.problem.Sent {
		t.Errorf("%d %s", got.status, got.body)
	}
	select {
	case <-gone:
	case <-time.After(proxytest.Patience):
		t.Error("the proxy holds on to the API")
	}
}

// TestClientLeaves: what was forwarded goes on; its client may come back, but the
// request is not repeated.
func TestClientLeaves(t *testing.T) {
	g := open(t, nil)
	reached, proceed, answered := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	g.api.answers(func(conn net.Conn) {
		close(reached)
		<-proceed
		_, err := conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
		answered <- err
	})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.addr)
	must(t, err)
	say(conn, payment(order))
	select {
	case <-reached:
	case <-time.After(proxytest.Patience):
		t.Fatal("the API got nothing")
	}
	must(t, conn.Close())
	close(proceed)
	must(t, <-answered)
	g.api.answers(nil)
	if got := g.pay(); got.status != http.StatusCreated {
		t.Errorf("the next one: %d %s", got.status, got.body)
	}
	if n := len(g.api.got()); n != 2 {
		t.Errorf("the API got %d requests", n)
	}
}

// TestHaltedWhileItRuns: a halt ends the wait for the API, nobody knows what it did,
// and nothing is forwarded after it.
func TestHaltedWhileItRuns(t *testing.T) {
	g := open(t, nil)
	reached := make(chan struct{})
	g.api.answers(func(conn net.Conn) {
		close(reached)
		_, _ = conn.Read(make([]byte, 1)) // until the proxy hangs up
	})
	done := make(chan reply, 1)
	go func() { done <- g.pay() }()
	select {
	case <-reached:
	case <-time.After(proxytest.Patience):
		t.Fatal("the API got nothing")
	}
	g.w.Halt(t)
	select {
	case got := <-done:
		if got.status != http.StatusGatewayTimeout || !got.problem.Sent {
			t.Errorf("%d %s", got.status, got.body)
		}
	case <-time.After(proxytest.Patience):
		t.Fatal("no answer")
	}
	if got := g.pay(); got.status != http.StatusForbidden {
		t.Errorf("after the halt: %d %s", got.status, got.body)
	}
	if n := len(g.api.got()); n != 1 {
		t.Errorf("the API got %d requests", n)
	}
}
