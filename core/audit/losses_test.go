package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func unjudged(r *audit.Report, what string) bool {
	return slices.ContainsFunc(r.Unjudged, func(s string) bool { return strings.Contains(s, what) })
}

// TestLossOfNothing: governors sign for the loss of a tree, and it stands here:
// whoever holds its checkpoint was told a lie.
func TestLossOfNothing(t *testing.T) {
	w := newWorld(t)
	w.executed()
	w.checkpoint()
	lost := w.seen
	w.seen = nil
	w.executed()
	w.govern(lossOf(lost, 0))
	signed := ledger.Position{Seq: w.seq()}
	w.pulse()
	w.checkpoint()
	r := w.export().audit(t)
	if got, want := found(r), []string{"checkpoint.fork " + signed.String()}; !slices.Equal(got, want) || !strings.Contains(r.Findings[0].Detail, "nothing was lost") {
		t.Errorf("found %+v, want %q", r.Findings, want)
	}
}

// TestLossOfLongAgo: whether anything was lost is told, or that nobody can tell.
func TestLossOfLongAgo(t *testing.T) {
	w := newWorld(t)
	w.checkpoint()
	lost := w.seen
	w.seen = nil
	a := audit.New(w.export().config())
	step := func(raw ledger.Raw) {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range w.tape {
		step(raw)
	}
	end := w.seq() + audit.Remembered
	for seq := w.seq() + 1; seq <= end; seq++ {
		step(ledger.Raw{Seq: seq, Time: w.now})
	}
	step(ledger.Raw{Seq: end + 1, Time: w.now, Subject: w.tape[0].Subject, Data: w.zone.Seal(lossOf(lost, 0))})
	r := a.Finish()
	wantClean(t, r)
	if !unjudged(r, "whether the loss at position") || !unjudged(r, "it is gone") {
		t.Errorf("unjudged: %q", r.Unjudged)
	}
}

// TestLossExcusesByHead: of two pulses that name the same lost tree, only the one
// that was made before governors signed is excused.
func TestLossExcusesByHead(t *testing.T) {
	w := newWorld(t)
	before := w.fold.Governance().Head().Proto()
	kept := w.seq()
	lost := &pb.CheckpointHead{Size: kept + 100, Root: make([]byte, 32)}
	w.govern(lossOf(lost, kept))
	named := func(p *pb.Pulse) { p.Checkpoint = lost }
	w.pulse(named, func(p *pb.Pulse) { p.Head = before })
	w.checkpoint()
	w.seen = nil
	wantClean(t, w.export().audit(t))
	w.pulse(named)
	if got, want := found(w.export().audit(t)), wanted("checkpoint.fork $", w.seq()); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
