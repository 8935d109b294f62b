package zone_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func (w *live) publisher() *zone.Governing {
	w.t.Helper()
	gov, err := zone.Govern(w.t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(gov.Close)
	return gov
}

// signedPlan is a plan that follows a release, with a note and g1's signature.
func (w *live) signedPlan(r *governance.Release, note string) *fabric.Plan {
	w.t.Helper()
	next := proto.CloneOf(r.Proto)
	next.Version, next.Replaces, next.Note = r.Proto.GetVersion()+1, r.Digest[:], note
	data, err := w.fabric.SignGovernance(&pb.Governance{Record: &pb.Governance_Release{Release: next}})
	must(w.t, err)
	plan, err := fabric.ParsePlan(data)
	must(w.t, err)
	return plan
}

// TestOfTwoPlansAtOnceOneIsInForce: the other one is told that it was overtaken,
// before it is appended or after.
func TestOfTwoPlansAtOnceOneIsInForce(t *testing.T) {
	w := liveOf(t, nothing)
	for version := uint64(2); version < 8; version++ {
		releases, _ := w.releasesOf()
		plans := []*fabric.Plan{w.signedPlan(releases.InForce().Release, "one"), w.signedPlan(releases.InForce().Release, "other")}
		govs := []*zone.Governing{w.publisher(), w.publisher()}
		var errs [2]error
		var done [2]zone.Published
		var all sync.WaitGroup
		for i := range plans {
			all.Go(func() { done[i], errs[i] = govs[i].PublishPlan(t.Context(), plans[i]) })
		}
		all.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || errs[1-winner] == nil || !strings.Contains(errs[1-winner].Error(), "overtaken") {
			t.Fatalf("release %d: %v; %v", version, errs[0], errs[1])
		}
		after, _ := w.releasesOf()
		if in := after.InForce(); in.Digest != plans[winner].ID || in.Position != done[winner].Release.Position || in.Proto.GetVersion() != version {
			t.Errorf("release %d at %d is in force; published %+v", in.Proto.GetVersion(), in.Position, done[winner])
		}
		if kept, err := w.fabric.Release(); err != nil || kept.Digest != plans[winner].ID {
			t.Errorf("the folder's newest: %v", err)
		}
		if again, err := govs[winner].PublishPlan(t.Context(), plans[winner]); err != nil || !again.Already || again.Release.Position != done[winner].Release.Position {
			t.Errorf("again: %+v, %v", again, err)
		}
	}
}

// TestPublishPlanTakesRevocationsFromTheLedger: a signature that was good when
// it was given no longer counts.
func TestPublishPlanTakesRevocationsFromTheLedger(t *testing.T) {
	w := liveOf(t, nothing)
	releases, _ := w.releasesOf()
	plan := w.signedPlan(releases.InForce().Release, "late")
	g1, err := w.fabric.Governor("g1")
	must(t, err)
	id := g1.Key.ID()
	w.govern(&pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{Subject: &pb.Revoke_KeyId{KeyId: id[:]}, Reason: "lost"}}})
	if _, err := w.publisher().PublishPlan(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "no governor's") {
		t.Errorf("published: %v", err)
	}
}

// TestLedgerTime: a clock that is far off does not decide where the ledger tells
// the time.
func TestLedgerTime(t *testing.T) {
	w := liveOf(t, nothing)
	gov := w.publisher()
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		w.fabric.Clock = func() time.Time { return time.Now().Add(off) }
		releases, err := gov.Releases(t.Context())
		must(t, err)
		at, err := gov.LedgerTime(t.Context(), releases)
		if err != nil || time.Since(at).Abs() > time.Minute || at.Before(releases.LogTime) {
			t.Errorf("a clock %v off: %v, %v", off, at, err)
		}
	}
}

func TestCheckVotes(t *testing.T) {
	w := liveOf(t, nothing)
	releases, _ := w.releasesOf()
	next := proto.CloneOf(releases.InForce().Proto)
	key, err := trust.GenerateKey()
	must(t, err)
	next.Version, next.Replaces = 2, releases.InForce().Digest[:]
	next.Governors = append(next.Governors, &pb.Governor{Name: "g2", PublicKey: key.Public().Bytes()})
	next.Thresholds = &pb.GovernorThresholds{Release: 2, Resume: 1}
	data, err := w.fabric.SignGovernance(&pb.Governance{Record: &pb.Governance_Release{Release: next}})
	must(t, err)
	plan, err := fabric.ParsePlan(data)
	must(t, err)
	gov := w.publisher()
	if _, err := gov.PublishPlan(t.Context(), plan); !errors.Is(err, zone.ErrUnsigned) || !strings.Contains(err.Error(), "that it names, 1 signed release 2 and 2 must; not yet: g2") {
		t.Errorf("without the new governor: %v", err)
	}
	_, err = plan.Sign(key)
	must(t, err)
	done, err := gov.PublishPlan(t.Context(), plan)
	if err != nil || strings.Join(done.Release.SignedBy, " ") != "g1 g2" {
		t.Errorf("with the new governor: %+v, %v", done.Release.SignedBy, err)
	}
}
