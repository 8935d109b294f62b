package audit_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// wrongs is a story with findings of several rules.
func wrongs(w *world) {
	w.tb.Helper()
	story(w)
	r, c := w.executed()
	w.report("x1", r, c, pb.Status_STATUS_FAILED)
	w.decideOtherwise("e2", r, func(d *pb.Decision) { d.Policies = []string{"large"} })
	w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: 3, Root: make([]byte, 32)} })
	w.pulse(func(p *pb.Pulse) { p.Head.Number++ })
	for range 6 {
		w.claim("x1", w.allowed())
	}
	w.pass(10e9 + stuckAfter())
	w.checkpoint()
}

func told(tb rapid.TB, r *audit.Report) string {
	tb.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// TestSame: the report is the same to the byte, however many records are prepared
// at a time, whatever keys are known by then, and in every run.
func TestSame(t *testing.T) {
	w := newWorld(t)
	wrongs(w)
	x := w.export()
	want := told(t, x.audit(t))
	if again := told(t, x.audit(t)); again != want {
		t.Fatalf("again it is\n%s\nwas\n%s", again, want)
	}
	if warm := told(t, x.run(t, x.config(), warm(t, x))); warm != want {
		t.Fatalf("with every key known it is\n%s\nwas\n%s", warm, want)
	}
	rapid.Check(t, func(rt *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(1, len(x.raws)), 1, 20).Draw(rt, "cuts")
		if got := told(rt, batched(rt, x, cuts)); got != want {
			rt.Fatalf("in batches it is\n%s\nwas\n%s", got, want)
		}
	})
}

// batched prepares as many records at once as cuts say, in turn.
func batched(tb rapid.TB, x export, cuts []int) *audit.Report {
	tb.Helper()
	a := audit.New(x.config())
	notes, left := x.notes, x.raws
	for i := 0; len(left) > 0; i++ {
		n := min(cuts[i%len(cuts)], len(left))
		for k, p := range prepare(a, left[:n]) {
			if err := a.Step(p); err != nil {
				tb.Fatal(err)
			}
			for len(notes) > 0 && notes[0].after <= left[k].Seq {
				a.Checkpoint(notes[0].text)
				notes = notes[1:]
			}
		}
		left = left[n:]
	}
	return a.Finish()
}

func prepare(a *audit.Audit, raws []ledger.Raw) []*audit.Prepared {
	all := make([]*audit.Prepared, len(raws))
	var wg sync.WaitGroup
	for i, raw := range raws {
		wg.Go(func() { all[i] = a.Prepare(raw) })
	}
	wg.Wait()
	return all
}

// TestPrefix: what is found of the first records is what is found first of all of
// them; nothing that comes later changes it.
func TestPrefix(t *testing.T) {
	w := newWorld(t)
	wrongs(w)
	x := w.export()
	x.notes = nil
	hear := func(raws []ledger.Raw) (all []string, governed int) {
		a := audit.New(audit.Config{Ledger: x.anchor, Zone: x.config().Zone, Found: func(f audit.Finding) { all = append(all, told1(f)) }})
		for _, raw := range raws {
			if err := a.Step(a.Prepare(raw)); err != nil {
				t.Fatal(err)
			}
		}
		heard := slices.Clone(all)
		return heard, len(a.Finish().Governance)
	}
	whole, governed := hear(x.raws)
	if len(whole) < 3 {
		t.Fatalf("found %q", whole)
	}
	for n := 1; n < len(x.raws); n += 7 {
		some, fewer := hear(x.raws[:n])
		if len(some) > len(whole) || !slices.Equal(some, whole[:len(some)]) || fewer > governed {
			t.Errorf("of the first %d: %q and %d governance records; of all %q and %d", n, some, fewer, whole, governed)
		}
	}
}

func told1(f audit.Finding) string { return string(f.Rule) + " " + f.Position + " " + f.Detail }
