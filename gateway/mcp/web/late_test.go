package web_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// stream is an answer of the gateway that is read event by event.
type stream struct {
	t     *testing.T
	lines chan string // the data of events
}

// listen makes a request whose answer is a stream.
func (g *gate) listen(method, body string) *stream {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), mcptest.Patience)
	g.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, g.url, strings.NewReader(body))
	must(g.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Mcp-Session-Id", "s1")
	s := &stream{t: g.t, lines: make(chan string, 64)}
	go func() {
		defer close(s.lines)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			if data, found := strings.CutPrefix(in.Text(), "data: "); found {
				s.lines <- data
			}
		}
	}()
	return s
}

// hear is the next event's data, which must hold some words.
func (s *stream) hear(words ...string) string {
	s.t.Helper()
	select {
	case line, open := <-s.lines:
		for _, w := range words {
			if !open || !strings.Contains(line, w) {
				s.t.Fatalf("the gateway said %q, which lacks %q", line, w)
			}
		}
		return line
	case <-time.After(mcptest.Patience):
		s.t.Fatal("the gateway says nothing")
	}
	return ""
}

// TestALateAnswer: a server closes the stream of a call, and a client that comes back
// has the answer on another, once the ledger has its outcome.
func TestALateAnswer(t *testing.T) {
	g := open(t)
	if got := g.post(echo("late"), 200); strings.Contains(got, `"id":1`) {
		t.Errorf("the call is answered with %s", got)
	}
	back := g.listen(http.MethodGet, "")
	close(g.up.held)
	back.hear(`"id":1`, `"late":true`)
	if o := g.w.Outcomes(1)[0]; o.GetStatus() != pb.Status_STATUS_EXECUTED || g.up.count() != 1 {
		t.Errorf("%v, and %d calls reached the server", o, g.up.count())
	}
}

// TestAClientThatLeaves cancels nothing: what was sent to the server ends as it ends,
// and the ledger has it.
func TestAClientThatLeaves(t *testing.T) {
	g := open(t)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(echo("hold")))
		if err == nil {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Mcp-Session-Id", "s1")
			_, err = http.DefaultClient.Do(r) //nolint:bodyclose // there is none: the client leaves first
		}
		left <- err
	}()
	for until := time.Now().Add(mcptest.Patience); g.up.count() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the call did not reach the server")
		}
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(g.up.held)
	if o := g.w.Outcomes(1)[0]; o.GetStatus() != pb.Status_STATUS_EXECUTED || g.up.count() != 1 {
		t.Errorf("%v, and %d calls reached the server", o, g.up.count())
	}
}
