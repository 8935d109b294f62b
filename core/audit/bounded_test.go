package audit_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// deeds are what may happen any number of times. Each leaves claims with outcomes
// only.
var deeds = map[string]func(w *world){
	"executed":  func(w *world) { w.executed() },
	"denied":    func(w *world) { w.decide(one, w.ask("alice", pay(20000))) },
	"undecided": func(w *world) { w.ask("bob") },
	"unclaimed": func(w *world) { w.allowed() },
	"void":      func(w *world) { w.claim("x1", w.ask("alice")) },
	"a crowd":   func(w *world) { crowd(w, 5) },
	"approved": func(w *world) {
		r := w.ask("bob", pay(500))
		w.decide(both, r)
		for _, by := range []string{"p1", "p2"} {
			w.answer(by, r, true)
			w.decide(both, r)
		}
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
		w.answer("p2", r, false)
		w.decide(both, r)
	},
	"unreadable": func(w *world) { w.list(schemas.KindIntent, "bob", "bob", []byte("\xff")) },
	"outlived": func(w *world) {
		r := w.allowed(within(2 * time.Second))
		c := w.claim("x1", r)
		w.pass(3 * time.Second)
		w.decide(both, r)
		w.report("x1", r, c, pb.Status_STATUS_INDETERMINATE, func(o *pb.Outcome) { o.Started = nil })
	},
	"rounds that nobody opened": func(w *world) {
		r := w.ask("alice")
		for _, round := range []uint32{1, 40, 4095, 4096} {
			d := proto.CloneOf(r.due.Decision)
			d.Round, d.Approval = round, d.GetIntent()
			w.list(schemas.KindDecision, "read", "e2", encode(w.tb, d))
		}
	},
	"a decision on nothing": func(w *world) {
		d := proto.CloneOf(w.ask("alice").due.Decision)
		d.Intent = ledger.Position{Seq: 1}.Proto()
		w.list(schemas.KindDecision, "read", "e2", encode(w.tb, d))
	},
	"a pulse that forks": func(w *world) {
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: 2, Root: make([]byte, 32)} })
	},
	"a copy": func(w *world) {
		raw := w.tape[len(w.tape)/2]
		_, _ = w.put(raw.Subject, raw.Data)
	},
}

// TestBounded: whatever happens, and however often, once every deadline is over
// and every claim has its outcome nothing of it is remembered but W's claims and
// the trees that governors may answer for.
func TestBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, memory(2*time.Minute))
		names := rapid.SliceOfN(rapid.SampledFrom(keys(deeds)), 1, 8).Draw(rt, "deeds")
		for _, name := range names {
			deeds[name](w)
			w.pulse()
		}
		w.pass(90 * time.Second)
		a := audit.New(w.export().config())
		for _, raw := range w.tape {
			if err := a.Step(a.Prepare(raw)); err != nil {
				rt.Fatal(err)
			}
		}
		for what, n := range a.Held() {
			if n > 1 || n == 1 && what != "heads" {
				rt.Errorf("%d %s are held after %q", n, what, names)
			}
		}
		for end := w.now.Add(2 * time.Minute); w.now.Before(end); {
			w.pass(2 * time.Minute)
			for _, raw := range w.tape[len(w.tape)-90:] {
				_ = a.Step(a.Prepare(raw)) // those that were read already are out of order
			}
		}
		if n := a.Done(); n != 0 {
			rt.Errorf("%d claims are held after W", n)
		}
	})
}

func keys(m map[string]func(*world)) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	return sorted(all)
}

// TestManyForks: a sentinel that names another false tree in every pulse fills no
// memory, and every tree is found.
func TestManyForks(t *testing.T) {
	w := newWorld(t)
	const n = audit.MaxHeads + 20
	for i := range n {
		w.pulse(func(p *pb.Pulse) {
			p.Checkpoint = &pb.CheckpointHead{Size: uint64(2_000_000 + i), Root: make([]byte, 32)}
		})
	}
	a := audit.New(audit.Config{Ledger: w.zone.Ledger, Zone: trusttest.ZoneName})
	for _, raw := range w.tape {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if held := a.Held()["heads"]; held > audit.MaxHeads {
		t.Errorf("%d trees are held", held)
	}
	if r := a.Finish(); len(r.Findings) != n {
		t.Errorf("%d findings, want %d", len(r.Findings), n)
	}
}
