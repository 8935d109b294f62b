package auditor_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/auditor"
	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// hall is a world with a1 on it, whose heartbeats are heard.
type hall struct {
	*feedtest.World
	a *auditor.Auditor

	mu   sync.Mutex
	beat *pb.Heartbeat // the newest
}

func open(t *testing.T) *hall {
	h := &hall{World: feedtest.New(t, func(r *pb.Release) { r.Bounds.HeartbeatInterval = durationpb.New(50 * time.Millisecond) })}
	me := h.Member("a1")
	var err error
	h.a, err = auditor.New(auditor.Config{
		Conn: h.Connect("a1"), Ledger: h.Zone.Ledger, ID: me.ID, Key: me.Key, Credential: me.Credential, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := h.Connect("s1").SubscribeHeartbeats(h.hear)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	h.Eventually("a1 has caught up", func() bool { return h.a.Status().CaughtUp })
	return h
}

func (h *hall) hear(raw streams.Raw) {
	if beat, _, err := h.Fold().Heartbeat(raw.Subject, raw.Data); err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.beat = beat
	}
}

// told are the findings of the newest heartbeat, by rule.
func (h *hall) told() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	rules := map[string]int{}
	for _, d := range h.beat.GetFindings() {
		rules[d.GetRule()]++
	}
	return rules
}

func (h *hall) folded(seq uint64) {
	h.Eventually("a1 has judged what was written", func() bool { return h.a.Status().Position >= seq })
}

func TestAWrongVerdictIsToldUntilGovernorsResume(t *testing.T) {
	h := open(t)
	h.Introduce("alice", "e1")
	in := h.Propose("one", 30*time.Second)
	h.folded(h.Decide("e1", in, func(d *pb.Decision) { d.Policies = []string{"made-up"} }))
	h.Eventually("the heartbeat tells", func() bool { return h.told()[schemas.DriftReplayMismatch] == 1 })

	halt := trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")
	h.Govern(halt)
	h.folded(h.Last())
	if h.told()[schemas.DriftReplayMismatch] != 1 {
		t.Error("a halt silenced the auditor")
	}
	halts := h.Fold().Governance().Halts()
	h.Govern(trusttest.Resume(halts[0].ID))
	h.Eventually("the heartbeat tells it no more", func() bool { return h.told()[schemas.DriftReplayMismatch] == 0 })

	again := h.Propose("two", 30*time.Second)
	h.Decide("e1", again, func(d *pb.Decision) { d.Policies = []string{"made-up"} })
	h.Eventually("the next is told again", func() bool { return h.told()[schemas.DriftReplayMismatch] == 1 })
}

func TestItJudgesWhatSentinelsJudgeToo(t *testing.T) {
	h := open(t)
	h.Introduce("alice", "e1", "e2", "x1")
	in := h.Propose("one", 30*time.Second)
	x1 := h.Member("x1")
	digest := in.Digest
	gov := h.Fold().Governance()
	item, err := schemas.Marshal(&pb.Outcome{
		IntentDigest: digest[:], Claim: &pb.Position{Sequence: 4}, Status: pb.Status_STATUS_EXECUTED, Head: gov.Head().Proto(),
		Finished: in.Content.GetDeadline(), Executor: x1.SPIFFE(),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Write("x1", schemas.KindOutcome, "read", x1.List(schemas.KindOutcome, h.Zone.Ledger, item))
	h.Eventually("a rogue outcome is told", func() bool { return h.told()[string(audit.RuleRogue)] == 1 })
	if n := h.a.Status().Findings; n != 1 {
		t.Errorf("%d findings", n)
	}
}
