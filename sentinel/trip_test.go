package sentinel

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// rogue writes an outcome of x1 that no claim stands for.
func (w *watch) rogue() uint64 {
	w.t.Helper()
	x1 := w.Member("x1")
	item, err := schemas.Marshal(&pb.Outcome{
		IntentDigest: make([]byte, 32), Claim: &pb.Position{Sequence: 1}, Status: pb.Status_STATUS_EXECUTED, Finished: timestamppb.Now(),
		Head: w.Fold().Governance().Head().Proto(), Executor: x1.SPIFFE(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.Write("x1", schemas.KindOutcome, "read", x1.List(schemas.KindOutcome, w.Zone.Ledger, item))
}

// tripped waits for a trip of a rule, and returns the trips in force.
func (w *watch) tripped(rule string) []governance.Halt {
	w.t.Helper()
	w.Eventually("a trip of "+rule, func() bool {
		halts := w.Fold().Governance().Halts()
		return len(halts) > 0 && halts[len(halts)-1].Rule == rule
	})
	return w.Fold().Governance().Halts()
}

func (w *watch) resume(halts []governance.Halt) {
	w.t.Helper()
	var ids []trust.Digest
	for _, h := range halts {
		ids = append(ids, h.ID)
	}
	w.Govern(trusttest.Resume(ids...))
}

func TestItTripsOnceAndPulsesOn(t *testing.T) {
	w := start(t)
	w.Introduce("x1")
	w.pulsing()
	at := w.rogue()
	halts := w.tripped(schemas.DriftOutcomeRogue)
	if h := halts[0]; len(halts) != 1 || h.Subject != (ledger.Position{Seq: at}).String() || h.Scope.GetKind() != pb.ScopeKind_SCOPE_KIND_GLOBAL {
		t.Errorf("halts %v", halts)
	}
	w.pulsing() // under the trip
	w.pulsing()
	if s := w.s.Status(); len(s.Findings) != 1 || s.Findings[0].Rule != schemas.DriftOutcomeRogue {
		t.Errorf("status %+v", s)
	}
	w.resume(halts)
	w.Eventually("no findings", func() bool { return len(w.s.Status().Findings) == 0 })
	w.pulsing()
	if gov := w.Fold().Governance(); len(gov.Halts()) != 0 || gov.Epoch() != 4 { // genesis, release, trip, resume
		t.Errorf("%d halts in epoch %d after the resume", len(gov.Halts()), gov.Epoch())
	}
	w.close()
}

// TestARestartTripsForWhatNobodySaw, and not again for what was resumed.
func TestARestartTripsForWhatNobodySaw(t *testing.T) {
	w := start(t)
	w.Introduce("x1")
	w.pulsing()
	w.close()
	w.rogue()
	w.run()
	w.resume(w.tripped(schemas.DriftOutcomeRogue))
	w.pulsing()
	w.close()
	w.run()
	w.pulsing()
	w.close()
	if s := w.s.Status(); len(s.Findings) != 0 || s.Trips != 0 {
		t.Errorf("after the second restart: %+v", s)
	}
}

// TestAPulseOfAnotherHistoryEndsWithAResume: or one such pulse would silence the
// zone for good.
func TestAPulseOfAnotherHistoryEndsWithAResume(t *testing.T) {
	w := start(t)
	w.pulsing()
	gov := w.Fold().Governance()
	head := gov.Head().Proto()
	head.Digest = make([]byte, 32)
	w.PulseOf(head, gov.Release().Digest)
	halts := w.tripped(schemas.DriftGovernanceMismatch)
	w.silent("lineage break")
	w.resume(halts)
	w.pulsing()
	w.close()
}

// required makes e1 required.
func required(r *pb.Release) {
	for _, e := range r.GetDirectory() {
		e.Required = e.GetName() == "e1"
	}
}

func TestItWaitsForWhomTheReleaseRequiresAndMissesHim(t *testing.T) {
	w := start(t, required)
	w.Introduce("e1")
	w.silent("waiting for e1")
	if w.s.Status().Pulses != 0 {
		t.Error("a pulse before e1 was heard")
	}
	stop := w.beats("e1")
	w.pulsing()
	stop()
	halts := w.tripped(schemas.DriftHeartbeatMissing)
	if halts[0].Subject != w.Member("e1").SPIFFE() {
		t.Errorf("halts %v", halts)
	}
	w.pulsing()
	w.resume(halts) // too early: e1 is still silent
	w.tripped(schemas.DriftHeartbeatMissing)
	stop = w.beats("e1")
	defer stop()
	w.Eventually("no findings", func() bool { return len(w.s.Status().Findings) == 0 })
	w.resume(w.Fold().Governance().Halts())
	w.pulsing()
	w.close()
}

// beats has a participant beat until stop is called.
func (w *watch) beats(name string) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	m, gov, ended := w.Member(name), w.Fold().Governance(), make(chan error, 1)
	release := gov.Release()
	cfg := heartbeat.Config{
		Conn: w.Connect(name), Ledger: w.Zone.Ledger, ID: m.ID, Key: m.Key, Incarnation: [16]byte{byte(w.Last())},
		Read: func() (*pb.Heartbeat, time.Duration) {
			return &pb.Heartbeat{Head: gov.Head().Proto(), Release: release.Digest[:], Position: w.Last()}, shortly.AsDuration()
		},
	}
	go func() { ended <- heartbeat.Run(ctx, cfg) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("heartbeats ended with %v", err)
		}
	}
}

// TestItDerivesVerdictsWhenTheReleaseAsksForIt: from the beginning of the ledger,
// whatever it has read before.
func TestItDerivesVerdictsWhenTheReleaseAsksForIt(t *testing.T) {
	w := start(t)
	w.Introduce("alice", "e1")
	in := w.Propose("before", time.Minute)
	w.Decide("e1", in, func(d *pb.Decision) { d.Session = "other" }) // wrong, and nobody looks
	w.pulsing()
	gov := w.Fold().Governance()
	next := proto.CloneOf(gov.Release().Proto)
	next.Version, next.Replaces = 2, gov.Release().Digest[:]
	next.Drift = []*pb.DriftRule{{Rule: schemas.DriftReplayMismatch, Scope: pb.DriftScope_DRIFT_SCOPE_AGENT}}
	w.Govern(trusttest.Released(next))
	w.Eventually("another eye", func() bool {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		return w.s.eye != nil && w.s.eye.replica != nil
	})
	w.pulsing()
	if s := w.s.Status(); len(s.Findings) != 0 {
		t.Errorf("findings %v", s.Findings)
	}
	w.Decide("e1", w.Propose("after", time.Minute), func(d *pb.Decision) { d.Session = "other" })
	halts := w.tripped(schemas.DriftReplayMismatch)
	if halts[0].Scope.GetKind() != pb.ScopeKind_SCOPE_KIND_AGENT || halts[0].Scope.GetValue() != w.Member("alice").SPIFFE() {
		t.Errorf("halts %v", halts)
	}
	w.close()
}

// judging is an eye on a ledger of its own, in memory.
type judging struct {
	t    *testing.T
	zone *trusttest.Zone
	eye  *eye
	seq  uint64
}

func newJudging(t *testing.T) *judging {
	me := trusttest.NewMember(pb.Role_ROLE_SENTINEL, "s1")
	j := &judging{t: t, zone: trusttest.NewZone(1, 1)}
	s := &Sentinel{cfg: Config{ID: me.ID, Key: me.Key, Ledger: j.zone.Ledger, Logger: slog.New(slog.DiscardHandler)}}
	j.eye = newEye(s, false)
	j.eye.fold = ledger.NewFold(j.zone.Ledger, nil)
	j.append(j.zone.Genesis)
	j.append(j.zone.Seal(trusttest.Released(j.zone.Release())))
	j.step(schemas.Subject(trusttest.ZoneName, schemas.KindCredential, "s1"), me.Credential)
	return j
}

func (j *judging) append(data []byte) {
	j.step(schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, ""), data)
}

func (j *judging) step(subject string, data []byte) {
	j.t.Helper()
	j.seq++
	parsed := ledger.Parser{Zone: trusttest.ZoneName}.Parse(ledger.Raw{Seq: j.seq, Time: trusttest.Start, Subject: subject, Data: data})
	if _, err := j.eye.fold.Step(parsed); err != nil {
		j.t.Fatal(err)
	}
}

// TestATripIsAppendedUntilItIsReadBack: the same bytes while nobody knows whether
// they arrived, none while they are on their way, others once they stood on the
// ledger and cover nothing.
func TestATripIsAppendedUntilItIsReadBack(t *testing.T) {
	j := newJudging(t)
	findings := []drift.Finding{
		{Rule: schemas.DriftClaimStuck, Level: pb.Level_LEVEL_WARN, Subject: "9.0", Detail: "soon", Scopes: []*pb.Scope{{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}}},
		{Rule: schemas.DriftHeartbeatMissing, Level: pb.Level_LEVEL_TRIP, Subject: "somebody", Detail: "silent", Scopes: []*pb.Scope{{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}}},
	}
	first := j.eye.due(findings)
	if len(first) != 1 {
		t.Fatalf("%d trips, want one", len(first))
	}
	again := j.eye.due(findings)
	if len(again) != 1 || !bytes.Equal(again[0].data, first[0].data) {
		t.Fatal("not the same bytes again")
	}
	again[0].seq = j.seq + 1 // acknowledged
	if due := j.eye.due(findings); len(due) != 0 {
		t.Fatal("a trip that is on its way was made again")
	}
	j.append(again[0].data)
	if due := j.eye.due(findings); len(due) != 0 {
		t.Fatal("a trip in force was made again")
	}
	j.append(j.zone.Seal(trusttest.Resume(trusttest.RecordID(again[0].data))))
	if due := j.eye.due(findings); len(due) != 1 || bytes.Equal(due[0].data, first[0].data) {
		t.Fatal("after a resume it must be another record, for the old one cannot take effect twice")
	}
}

func TestNothingIsJudgedBeforeTheLedgerWasRead(t *testing.T) {
	var none *eye
	if none.judges() || none.fault(time.Now()) == "" {
		t.Error("an eye that is not open")
	}
	j := newJudging(t)
	if j.eye.judges() {
		t.Error("an eye that has not caught up")
	}
	if why := j.eye.fault(time.Now()); !strings.Contains(why, "catching up") {
		t.Errorf("fault %q", why)
	}
	j.eye.health.CaughtUp()
	if !j.eye.judges() {
		t.Error("an eye that has caught up judges nothing")
	}
}

func TestAHeartbeatHoldsTheWorst(t *testing.T) {
	var findings []drift.Finding
	for i := range 100 {
		findings = append(findings, drift.Finding{Rule: schemas.DriftClaimStuck, Level: pb.Level_LEVEL_WARN, Subject: ledger.Position{Seq: uint64(i + 1)}.String()})
	}
	all := proclaimed(findings)
	if len(all) != maxProclaimed || all[0].GetSubject() != "1.0" {
		t.Errorf("%d findings, the first is %v", len(all), all[0])
	}
}
