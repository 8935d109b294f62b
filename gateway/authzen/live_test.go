package authzen_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/gateway/gatewaytest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// live is a zone, and a server that follows its ledger.
type live struct {
	*gatewaytest.World
	t *testing.T
	f *pdp.Follower
	http.Handler
}

func openLive(t *testing.T) *live {
	t.Helper()
	l := &live{World: gatewaytest.New(t, gatewaytest.Source{Tools: []string{"file-read", "file-write", "http-get", "transfer"}}), t: t}
	conn, err := zone.ConnectReader(t.Context(), l.Fabric, l.Zone.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(conn.Close)
	l.f, err = pdp.New(pdp.Config{Conn: conn, Zone: l.Fabric.Zone, Ledger: l.Fabric.Ledger, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.f.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	l.Handler = serve(t, authzen.Config{Asker: l.f, URL: "http://127.0.0.1:4296", Logger: slog.New(slog.DiscardHandler), Reasons: true})
	l.eventually("it answers", func() bool { return l.f.Ask(func(*pdp.Core) {}) == nil })
	return l
}

func (l *live) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(gatewaytest.Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	l.t.Fatalf("not within %v: %s", gatewaytest.Patience, what)
}

// asks gives the server's verdict: allowed, or the codes of its reasons.
func (l *live) asks(body string) (status int, allowed bool, reasons []string) {
	l.t.Helper()
	w := post(l.t, l, evaluation, body, nil)
	if w.Code != http.StatusOK {
		return w.Code, false, nil
	}
	var a struct {
		Decision bool
		Context  struct{ Reasons []string }
	}
	must(l.t, json.Unmarshal(w.Body.Bytes(), &a))
	return w.Code, a.Decision, a.Context.Reasons
}

// proposes is the same by way of the ledger: intent, decision, claim, outcome.
func (l *live) proposes(r agent.Request) (allowed bool, reasons []string) {
	l.t.Helper()
	r.Timeout = 30 * time.Second
	r.Proposing = func(intent trust.Digest) {
		l.Desk.Expect(intent, func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), gatewaytest.Patience)
	defer cancel()
	_, err := l.Agent.Propose(ctx, r)
	refused, denied := errors.AsType[*agent.Refused](err)
	if err != nil && !denied {
		l.t.Fatal(err)
	}
	if denied {
		for _, reason := range refused.Reasons {
			reasons = append(reasons, schemas.ReasonCode(reason))
		}
	}
	return err == nil, reasons
}

// caughtUp waits until the server has read what the zone has written by now.
func (l *live) caughtUp() {
	l.t.Helper()
	conn, err := zone.ConnectReader(l.t.Context(), l.Fabric, l.Zone.Broker(), slog.New(slog.DiscardHandler))
	must(l.t, err)
	defer conn.Close()
	last, err := conn.Last(l.t.Context())
	must(l.t, err)
	l.eventually("the ledger is read", func() (read bool) {
		_ = l.f.Ask(func(c *pdp.Core) { read = c.Decide(pdp.Question{}).At.Seq >= last })
		return read
	})
}

// TestSameAsGoverned: the server answers what the ledger's own way would answer next, at
// each of many questions: permitted, forbidden, malformed, and beyond a limit.
func TestSameAsGoverned(t *testing.T) {
	l := openLive(t)
	seen := map[string]bool{}
	for tool, kind := range map[string]string{"file-read": "File", "file-write": "File", "transfer": "Account", "http-get": "Url"} {
		for _, resource := range []string{"notes.txt", "out/a.txt", "my-secret", "../up", "acme"} {
			for _, arguments := range []string{
				`{}`, `{"path":"a"}`, `{"path":"a","content":"x"}`, `{"path":7}`, `{"url":"https://example.com/"}`,
				`{"to":"acme","amount":900,"currency":"EUR"}`, `{"to":"acme","amount":1001,"currency":"EUR"}`, `{"to":"acme","amount":-1,"currency":"EUR"}`,
			} {
				l.caughtUp()
				_, allowed, why := l.asks(fmt.Sprintf(`{"subject":{"type":"agent","id":"scout"},"action":{"name":%q,"properties":%s},"resource":{"type":%q,"id":%q}}`, tool, arguments, kind, resource))
				ruled, reasons := l.proposes(agent.Request{Tool: tool, Resource: resource, Arguments: json.RawMessage(arguments)})
				if allowed != ruled || !slices.Equal(why, reasons) {
					t.Fatalf("%s %s %s: the server says %v %v, the ledger %v %v", tool, resource, arguments, allowed, why, ruled, reasons)
				}
				seen[fmt.Sprint(allowed, why)] = true
			}
		}
	}
	if len(seen) < 4 {
		t.Errorf("only these verdicts came up: %v", seen)
	}
}

// TestFollowsTheZone: limits, halts and silence of the zone are the server's.
func TestFollowsTheZone(t *testing.T) {
	l := openLive(t)
	const pay = `{"subject":{"type":"agent","id":"scout"},"action":{"name":"transfer","properties":{"to":"acme","amount":1000,"currency":"EUR"}},"resource":{"type":"Account","id":"acme"}}`
	says := func(what string, want bool, why ...string) {
		t.Helper()
		l.eventually(what, func() bool {
			status, allowed, reasons := l.asks(pay)
			return status == http.StatusOK && allowed == want && slices.Equal(reasons, why)
		})
	}
	for range 8 { // more than the limit holds: questions take nothing
		says("it may pay", true)
	}
	for range 5 {
		if allowed, why := l.proposes(agent.Request{Tool: "transfer", Resource: "acme", Arguments: json.RawMessage(`{"to":"acme","amount":1000,"currency":"EUR"}`)}); !allowed {
			t.Fatal(why)
		}
	}
	says("the limit is used up", false, "limit.exceeded")
	gov, err := zone.Govern(t.Context(), l.Fabric, l.Zone.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer gov.Close()
	_, _, err = gov.Halt(t.Context(), &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, "a test halts")
	must(t, err)
	says("everything is halted", false, "halted", "limit.exceeded")
	for _, name := range l.Zone.Running(pb.Role_ROLE_SENTINEL) {
		l.Zone.Stop(pb.Role_ROLE_SENTINEL, name)
	}
	l.eventually("without pulses nobody is answered", func() bool {
		status, _, _ := l.asks(pay)
		return status == http.StatusServiceUnavailable
	})
}
