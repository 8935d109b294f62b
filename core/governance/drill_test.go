package governance

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestDrill: a drill is accepted once and changes nothing; nobody but a governor
// can hold one, and no sentinel's trip can pass for one.
func TestDrill(t *testing.T) {
	const drill = pb.ScopeKind_SCOPE_KIND_DRILL
	c := begun(t, 1, 1)
	before := snapshot(c.state)
	held := trusttest.Halt(drill, "")
	env, err := trust.ParseEnvelope(c.zone.Seal(held, c.zone.Governors[0]))
	if err != nil {
		t.Fatal(err)
	}
	c.seq++
	effect, err := c.state.Apply(Record{Sequence: c.seq, Time: c.now, Envelope: env})
	if err != nil || !effect.Drill || effect.Epoch != before.Epoch() {
		t.Fatalf("effect %+v, %v", effect, err)
	}
	if _, halted := c.state.Halted(anywhere); halted || len(c.state.Halts()) != 0 || c.state.Head() != before.Head() {
		t.Error("a drill halted something, or moved the head")
	}
	c.refused(pb.Reason_REASON_NOISE_REPLAY, c.zone.Seal(held, c.zone.Governors[0]))
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Halt(drill, ""), trusttest.Key("stranger")))
	trip := trusttest.Trip()
	trip.GetTrip().Scope = &pb.Scope{Kind: drill}
	c.refusedFrom(watcher, pb.Reason_REASON_NOISE_RECORD, c.zone.Seal(trip, trusttest.Key("sentinel")))
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(trusttest.Resume(effect.ID)))
}

// TestResumed: what stood before the newest resume, the governors knew.
func TestResumed(t *testing.T) {
	c := begun(t, 1, 1)
	id := c.must(c.halt())
	if c.state.Resumed() != 0 {
		t.Fatal("resumed before any resume")
	}
	c.must(c.zone.Seal(trusttest.Resume(id)))
	if c.state.Resumed() != c.seq {
		t.Errorf("resumed at %d, the record stands at %d", c.state.Resumed(), c.seq)
	}
}
