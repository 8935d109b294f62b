package audit_test

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// story is a ledger with something of everything, two checkpoints, and records
// behind its last pulse.
func story(w *world) {
	w.tb.Helper()
	w.executed()
	w.decide(one, w.ask("bob", pay(20000)))
	w.pulse()
	approved := w.ask("bob", pay(500))
	w.decide(both, approved)
	for _, by := range []string{"p1", "p2"} {
		w.answer(by, approved, true)
		w.decide(both, approved)
	}
	w.pulse()
	c := w.claim("x2", approved)
	w.claim("x1", approved)
	w.report("x2", approved, c, pb.Status_STATUS_FAILED)
	_, _ = w.put(schemas.Subject(trusttest.ZoneName, schemas.KindPulse, ""), []byte(`{"stream":"LEDGER_z1","seq":7}`))
	w.checkpoint()
	w.pulse()
	halt := w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_AGENT, members()["alice"].SPIFFE()))
	w.decide(one, w.ask("alice"))
	w.govern(trusttest.Resume(halt))
	w.release(func(p *pb.Release) { p.Bounds.MaxSessions = 17 })
	w.pulse()
	crowd(w, 3)
	_, _ = w.put(schemas.Subject(trusttest.ZoneName, schemas.KindIntent, "bob"), w.tape[13].Data)
	w.pass(time.Second)
	lost := w.allowed()
	c = w.claim("x1", lost)
	w.pass(12 * time.Second)
	w.report("x1", lost, c, pb.Status_STATUS_INDETERMINATE, func(o *pb.Outcome) { o.Started = nil })
	w.ask("alice", within(5*time.Second))
	w.pulse()
	w.executed()
	w.govern(trusttest.RevokeKey(trusttest.Key("nobody").ID()))
	w.allowed()
	w.checkpoint()
}

// crowd is a list of intents, all executed.
func crowd(w *world, n int) {
	w.tb.Helper()
	all := w.propose("bob", w.many("bob", "long", n)...)
	w.decide(both, all...)
	c := w.claim("x2", all...)
	outcomes := make([][]byte, n)
	for i, r := range all {
		outcomes[i] = encode(w.tb, w.outcome("x2", r, ledger.Position{Seq: c.Seq, Index: uint32(i)}, pb.Status_STATUS_EXECUTED))
	}
	w.list(schemas.KindOutcome, "read", "x2", outcomes...)
}

func TestStory(t *testing.T) {
	w := newWorld(t)
	story(w)
	r := w.export().audit(t)
	wantClean(t, r)
	wantCounted(t, w, r)
	want := map[audit.State]uint64{audit.StateExecuted: 5, audit.StateFailed: 1, audit.StateDenied: 2, audit.StateIndeterminate: 1}
	for _, s := range audit.States() {
		if r.Final[s] != want[s] {
			t.Errorf("%s: %d, want %d", s, r.Final[s], want[s])
		}
	}
	if r.Open != 2 || len(r.Tree.Checkpoints) != 2 || r.Tree.Covered != w.seq() {
		t.Errorf("%d open, %+v", r.Open, r.Tree)
	}
}
