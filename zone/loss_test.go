package zone_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// recordedZone is a zone with a fabric of its own, made with these parameters.
func recordedZone(t *testing.T, change func(*fabric.Params)) *live {
	t.Helper()
	p := fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: edited(t)}
	change(&p)
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), p)
	must(t, err)
	w := &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(nothing),
	}}
	w.open()
	return w
}

func asCreated(*fabric.Params) {}

// evidence waits until the status says what is wanted of the evidence.
func (w *live) evidence(o *zone.Observer, want func(zone.Evidence) bool) zone.Status {
	w.t.Helper()
	ctx := w.within(patience)
	for {
		s, err := o.Status(ctx)
		must(w.t, err)
		if want(s.Evidence) {
			return s
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("the evidence is %+v", s.Evidence)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func covered(e zone.Evidence) bool { return e.State == zone.EvidenceCovered }
func forked(e zone.Evidence) bool  { return e.State == zone.EvidenceFork }

// rollBack replaces the store of a broker that does not run with an earlier copy,
// and removes the executors' marks: with one beyond its end, an executor refuses.
func rollBack(t *testing.T, f *fabric.Fabric, earlier string) {
	t.Helper()
	marks, err := filepath.Glob(filepath.Join(f.RunDir(), "*.mark"))
	must(t, err)
	for _, mark := range marks {
		must(t, os.Remove(mark))
	}
	must(t, os.RemoveAll(f.ServerDir()))
	must(t, os.CopyFS(f.ServerDir(), os.DirFS(earlier)))
}

// TestALossIsSignedForAndRecordedAnew: a broker's store is rolled back to an
// earlier copy. The recorder notices, the zone trips, and goes on when governors
// have signed for the loss and lifted the trip.
func TestALossIsSignedForAndRecordedAnew(t *testing.T) {
	w := recordedZone(t, asCreated)
	_, observer := w.governing()
	w.evidence(observer, covered)
	_, err := w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	w.Close()
	earlier := t.TempDir()
	must(t, os.CopyFS(earlier, os.DirFS(w.fabric.ServerDir())))

	w.open()
	_, err = w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	gov, observer := w.governing()
	before := w.evidence(observer, covered)
	if _, err := before.Fork(""); err == nil || !strings.Contains(err.Error(), "nothing to sign for") {
		t.Errorf("no recorder reports a loss, and there is one to sign for: %v", err)
	}
	if err := before.CheckLoss(&pb.Loss{Lost: before.Evidence.Checkpoint.Head(), Kept: 1}); err == nil {
		t.Error("a loss that nobody reports passes")
	}
	gov.Close()
	w.Close()
	rollBack(t, w.fabric, earlier)

	w.open() // a fork is no reason not to run: governors need the ledger
	gov, observer = w.governing()
	status := w.evidence(observer, forked)
	fork, err := status.Fork("")
	must(t, err)
	if fork.Recorder.Name != "r1" || fork.Lost.GetSize() < before.Evidence.Checkpoint.Size || fork.Kept == 0 || fork.Kept >= fork.Lost.GetSize() {
		t.Fatalf("%+v; the last checkpoint had %d", fork, before.Evidence.Checkpoint.Size)
	}
	if r := w.Recordings(); len(r) != 1 || r[0].Name != "r1" || r[0].Fork != fork.Detail {
		t.Errorf("the zone says %+v", r)
	}
	if _, err := status.Fork("r9"); err == nil {
		t.Error("a recorder that does not exist reports a loss")
	}
	must(t, observer.Until(w.within(patience), func() (bool, error) { return len(observer.ForkHalts()) > 0, nil }))
	other := fork.Record("test").GetLoss()
	other.Kept--
	if err := status.CheckLoss(other); err == nil || !strings.Contains(err.Error(), "another loss") {
		t.Errorf("a loss of more than is lost: %v", err)
	}

	if err := observer.CheckForks(w.within(patience), observer.ForkHalts()); !errors.Is(err, zone.ErrForked) || !strings.Contains(err.Error(), "sign the loss first") {
		t.Errorf("lifting the trip before the loss is signed for: %v", err)
	}
	if err := observer.CheckForks(w.within(patience), []governance.Halt{{Rule: schemas.DriftReplayMismatch}, {Reason: "fire"}}); err != nil {
		t.Errorf("lifting what no fork has caused: %v", err)
	}

	w.send(gov, fork.Record("the power failed"))
	must(t, observer.CheckForks(w.within(patience), observer.ForkHalts()))
	after := w.evidence(observer, covered)
	if origin := after.Evidence.Checkpoint.Origin; !strings.HasSuffix(origin, "/loss-1") {
		t.Errorf("the new tree is of %s", origin)
	}
	if _, err := os.Stat(filepath.Join(w.fabric.RecorderDir("r1"), "lost-1")); err != nil {
		t.Errorf("the old tree: %v", err)
	}
	var trips []trust.Digest
	for _, h := range observer.ForkHalts() {
		trips = append(trips, h.ID)
	}
	w.send(gov, zone.ResumeRecord(trips, "signed for"))
	must(t, observer.Until(w.within(patience), func() (bool, error) { return len(observer.ForkHalts()) == 0, nil }))
	w.ready()
	_, err = w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
}

// TestForksAreReadStrictly: what a finding does not say is not made up, and the
// word of somebody who is not heard, or is no recorder, is none.
func TestForksAreReadStrictly(t *testing.T) {
	head := &pb.CheckpointHead{Size: 40, Root: make([]byte, 32)}
	beat := func(role pb.Role, name, subject string, lost *pb.CheckpointHead) zone.Status {
		id := trust.Identity{TrustDomain: "example.test", Zone: "home", Role: role, Name: name}
		found := &pb.Finding{Rule: schemas.DriftCheckpointFork, Level: pb.Level_LEVEL_TRIP, Subject: subject, Detail: "why"}
		return zone.Status{
			Participants: []zone.Participant{{ID: id, Beat: &pb.Heartbeat{Checkpoint: lost, Findings: []*pb.Finding{found}}}},
			Findings:     []zone.Finding{{Finding: found, By: id}},
		}
	}
	for name, test := range map[string]struct {
		status zone.Status
		kept   uint64
		fails  string
	}{
		"a position":           {beat(pb.Role_ROLE_RECORDER, "r1", "38", head), 37, ""},
		"the first":            {beat(pb.Role_ROLE_RECORDER, "r1", "1", head), 0, ""},
		"an item":              {beat(pb.Role_ROLE_RECORDER, "r1", "38.2", head), 37, ""},
		"no position":          {beat(pb.Role_ROLE_RECORDER, "r1", "r1", head), 0, ""},
		"beyond what was lost": {beat(pb.Role_ROLE_RECORDER, "r1", "41", head), 0, "without saying what was lost"},
		"without a checkpoint": {beat(pb.Role_ROLE_RECORDER, "r1", "38", nil), 0, "without saying what was lost"},
		"by a sentinel":        {beat(pb.Role_ROLE_SENTINEL, "s1", "38", head), 0, "nothing to sign for"},
	} {
		t.Run(name, func(t *testing.T) {
			fork, err := test.status.Fork("")
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%+v, %v", fork, err)
				}
				return
			}
			must(t, err)
			loss := fork.Record("why").GetLoss()
			if loss.GetKept() != test.kept || loss.GetLost().GetSize() != 40 || loss.GetReason() != "why" {
				t.Errorf("%v", loss)
			}
			must(t, test.status.CheckLoss(loss))
		})
	}
	two := beat(pb.Role_ROLE_RECORDER, "r1", "38", head)
	second := beat(pb.Role_ROLE_RECORDER, "r2", "30", head)
	two.Participants, two.Findings = append(two.Participants, second.Participants...), append(two.Findings, second.Findings...)
	if _, err := two.Fork(""); err == nil || !strings.Contains(err.Error(), "--recorder") {
		t.Errorf("two losses: %v", err)
	}
	if fork, err := two.Fork("r2"); err != nil || fork.Kept != 29 {
		t.Errorf("%+v, %v", fork, err)
	}
}

// TestVotesByKind: a loss needs as many governors as a resume, a seal as many as a
// release; of other records nobody asks.
func TestVotesByKind(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{TrustDomain: "example.test", Zone: "home", Clock: time.Now, Governors: 3, Release: edited(t)})
	must(t, err)
	state, err := f.State()
	must(t, err)
	vote := func(record *pb.Governance, names ...string) fabric.Vote {
		data, err := f.SignGovernance(record, names...)
		must(t, err)
		env, err := trust.ParseEnvelope(data)
		must(t, err)
		return zone.RecordVote(state, record, env)
	}
	loss := zone.Fork{Lost: &pb.CheckpointHead{Size: 4, Root: make([]byte, 32)}, Kept: 2}.Record("why")
	for _, record := range []*pb.Governance{loss, zone.SealRecord("why"), zone.ResumeRecord([]trust.Digest{{1}}, "why")} {
		one, two := vote(record, "g1"), vote(record, "g1", "g3")
		if one.Enough() || !slices.Equal(one.Missing, []string{"g2", "g3"}) || !two.Enough() || two.Needed != 2 {
			t.Errorf("%T: one %+v, two %+v", record.GetRecord(), one, two)
		}
	}
	if v := vote(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""), "g1", "g2", "g3"); v.Enough() {
		t.Errorf("a halt is put to the vote: %+v", v)
	}
	if v := zone.RecordVote(governance.New(trust.Digest{}), loss, &trust.Envelope{}); v.Enough() {
		t.Errorf("before the first release: %+v", v)
	}
}
