package sentinel

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// TestSpansLeaveNothingOut: every position up to a sentinel's newest pulse but one
// lies in a span, also what stands between two of its starts, and whoever reads
// the same ledger agrees with each.
func TestSpansLeaveNothingOut(t *testing.T) {
	w := start(t)
	w.pulsing()
	w.Introduce("alice")
	for range 5 {
		w.Propose("s", time.Minute)
		w.Write("alice", schemas.KindIntent, "alice", []byte("noise"))
		w.pulsing()
	}
	w.close()
	w.Propose("unwatched", time.Minute)
	w.run()
	w.pulsing()
	w.close()
	records := w.Records(schemas.KindPulse)
	reached := uint64(0)
	for i, r := range records {
		span := decode(t, r.Data).GetSpan()
		if span == nil || span.GetTo() >= r.Seq {
			t.Fatalf("the pulse at %d has the span %v", r.Seq, span)
		}
		if span.GetFrom() > reached+1 {
			t.Errorf("pulse %d, at %d, leaves out what stands from %d to %d", i, r.Seq, reached+1, span.GetFrom()-1)
		}
		reached = max(reached, span.GetTo())
	}
	if last := records[len(records)-2].Seq; reached < last {
		t.Errorf("the spans reach to %d, the last pulse but one stands at %d", reached, last)
	}
	fold, parser := ledger.NewFold(w.Zone.Ledger, ledger.NewKeys()), ledger.Parser{Zone: feedtest.ZoneName}
	_, err := streams.Read(t.Context(), w.Connect("s1"), streams.ReadConfig{}, func(raw streams.Raw) error {
		_, _ = fold.Step(parser.Parse(feed.Raw(raw)))
		return nil
	})
	if err != nil || fold.Pulse().Seq == 0 || fold.Pulse().Fault != nil {
		t.Errorf("a reader finds %+v, %v", fold.Pulse(), err)
	}
}

// TestItPulsesWhenGovernanceMoves: executors that wait for a pulse which names
// their head do not wait for an interval.
func TestItPulsesWhenGovernanceMoves(t *testing.T) {
	w := start(t, func(r *pb.Release) {
		r.Bounds.PulseLimit, r.Bounds.PulseInterval = durationpb.New(time.Minute), durationpb.New(30*time.Second)
	})
	w.Eventually("the first pulse", func() bool { return w.s.Status().Pulses >= 1 })
	w.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
	head := w.Fold().Governance().Head().Number
	began := time.Now()
	w.Eventually("a pulse that names the new head", func() bool {
		records := w.Records(schemas.KindPulse)
		return decode(t, records[len(records)-1].Data).GetHead().GetNumber() == head
	})
	if waited := time.Since(began); waited > 25*time.Second { // an interval is 30 s
		t.Errorf("it came after %v", waited)
	}
	w.close()
}
