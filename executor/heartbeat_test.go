package executor

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// listen keeps the newest heartbeat of x1, as a sentinel hears it.
func (s *stage) listen() {
	s.t.Helper()
	s.fold = s.Fold()
	subject := schemas.Subject(trusttest.ZoneName, schemas.KindHeartbeat, "executor.x1")
	stop, err := s.Connect("s1").SubscribeHeartbeats(func(raw streams.Raw) {
		if beat, _, err := s.fold.Heartbeat(raw.Subject, raw.Data); err == nil && raw.Subject == subject {
			s.newest.Store(beat)
		}
	})
	s.must(err)
	s.t.Cleanup(stop)
}

// beat waits for a heartbeat like that, made from now on.
func (s *stage) beat(what string, like func(*pb.Heartbeat) bool) *pb.Heartbeat {
	s.t.Helper()
	var beat *pb.Heartbeat
	s.Eventually("a heartbeat: "+what, func() bool {
		beat = s.newest.Load()
		return beat != nil && like(beat)
	})
	return beat
}

// TestHeartbeatConfirmsAHalt: it says what was started last, what runs, and what
// of that a halt still has to end.
func TestHeartbeatConfirmsAHalt(t *testing.T) {
	s := newStage(t)
	leave := make(chan struct{})
	s.open(func(ctx context.Context, _ Action) (Result, error) {
		<-ctx.Done()
		<-leave
		return Result{}, context.Cause(ctx)
	}, nil)
	s.listen()
	if beat := s.beat("armed", func(b *pb.Heartbeat) bool { return b.GetDisarmed() == "" }); !beat.GetStarted() || beat.GetRunning() != 0 || beat.GetLastStart() != nil {
		t.Errorf("before anything: %v", beat)
	}
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("it runs", func() bool { return s.acts.Load() == 1 })
	beat := s.beat("it runs", func(b *pb.Heartbeat) bool { return b.GetRunning() == 1 && b.GetLastStart() != nil })
	if beat.GetHaltedRunning() != 0 || beat.GetLastStart().GetClaim() == nil || beat.GetLastStart().GetAt() == nil {
		t.Errorf("while it runs: %v", beat)
	}
	claim := ledger.PositionOf(beat.GetLastStart().GetClaim())
	seq := s.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read"))
	halted := func(n uint32) func(*pb.Heartbeat) bool {
		return func(b *pb.Heartbeat) bool { return b.GetPosition() >= seq && b.GetHaltedRunning() == n }
	}
	if beat = s.beat("halted", halted(1)); beat.GetEpoch() != s.Fold().Governance().Epoch() {
		t.Errorf("halted: %v", beat)
	}
	close(leave)
	o := s.want(in, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED)
	if ledger.PositionOf(o.GetClaim()) != claim {
		t.Errorf("the newest start is under claim %s, the outcome of %v", claim, o.GetClaim())
	}
	if beat = s.beat("quiet", halted(0)); beat.GetRunning() != 0 {
		t.Errorf("afterwards: %v", beat)
	}
	s.close()
}

// lever is a brake in a test's hand.
type lever struct{ why atomic.Pointer[string] }

func (l *lever) Engaged() string {
	if why := l.why.Load(); why != nil {
		return *why
	}
	return ""
}

func (l *lever) pull(why string) { l.why.Store(&why) }

// TestTheBrakeNeedsNoLedger: it interrupts what runs, disarms, and nothing is
// claimed or started until it is off.
func TestTheBrakeNeedsNoLedger(t *testing.T) {
	s := newStage(t)
	brake := &lever{}
	s.brake = brake
	s.listen()
	s.open(func(ctx context.Context, _ Action) (Result, error) {
		<-ctx.Done()
		return Result{}, context.Cause(ctx)
	}, nil)
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("it runs", func() bool { return s.acts.Load() == 1 })
	s.claims.keep()
	onItsWay := s.Propose("t", time.Minute)
	s.Allow("e1", onItsWay)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	brake.pull("somebody pulled it")
	s.want(in, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED)
	s.Eventually("disarmed", func() bool { return strings.Contains(s.x.Status().Disarmed, "somebody pulled it") })
	s.append(s.claims.kept()[0])
	s.want(onItsWay, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_DISARMED)
	late := s.Propose("u", time.Minute)
	s.Allow("e1", late)
	s.folded()
	s.beat("it says why", func(b *pb.Heartbeat) bool { return strings.Contains(b.GetDisarmed(), "somebody pulled it") })
	if n := s.claims.count(); n != 2 {
		t.Errorf("%d claims, the brake was on before the third", n)
	}
	s.acted(1)
	brake.pull("")
	s.Pulse()
	s.Eventually("armed again, it bids", func() bool { return s.claims.count() == 3 })
	s.close()
}

// TestAnIntentThatWaitsKeepsItsBytes: it is denied for want of approval, and
// allowed in a later round; the newest round holds.
func TestAnIntentThatWaitsKeepsItsBytes(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	deny := func(reasons ...pb.Reason) func(*pb.Decision) {
		return func(d *pb.Decision) {
			d.Verdict, d.Reasons, d.Round = pb.Verdict_VERDICT_DENY_UNSPECIFIED, reasons, d.GetRound()
		}
	}
	round := func(n uint32, change func(*pb.Decision)) func(*pb.Decision) {
		return func(d *pb.Decision) {
			d.Round, d.Approval = n, &pb.Position{Sequence: s.Last()}
			change(d)
		}
	}
	pending := deny(pb.Reason_REASON_APPROVAL_PENDING)
	in := s.Propose("s", time.Minute)
	s.Decide("e1", in, pending)
	s.Decide("e1", in, round(1, pending))
	s.Decide("e1", in, round(2, func(*pb.Decision) {}))
	s.want(in, pb.Status_STATUS_EXECUTED, 0)

	halted := s.Propose("h", time.Minute) // the first yes falls into a halt
	s.Decide("e1", halted, pending)
	s.Decide("e1", halted, round(1, deny(pb.Reason_REASON_HALTED, pb.Reason_REASON_APPROVAL_PENDING)))
	s.Decide("e1", halted, round(2, func(*pb.Decision) {}))
	s.want(halted, pb.Status_STATUS_EXECUTED, 0)

	s.claims.keep()
	refused := s.Propose("t", time.Minute)
	s.Decide("e1", refused, pending)
	s.Decide("e1", refused, round(1, func(*pb.Decision) {}))
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	s.Decide("e1", refused, round(2, deny(pb.Reason_REASON_APPROVAL_REFUSED)))
	s.append(s.claims.kept()[0]) // behind the refusal
	s.folded()
	s.close()
	s.acted(2)
	for _, o := range s.Outcomes() {
		if string(o.GetIntentDigest()) == string(refused.Digest[:]) {
			t.Errorf("a refused intent has an outcome: %v", o)
		}
	}
}

// TestAHeadInAnOutcome: somebody whose outcome names another history disarms
// this executor until a sentinel has seen it and pulses on this one all the same.
func TestAHeadInAnOutcome(t *testing.T) {
	for name, change := range map[string]func(*governance.Head){
		"forked":   func(h *governance.Head) { h.Digest = trust.Digest{1} },
		"withheld": func(h *governance.Head) { h.Number += 5 },
	} {
		s := newStage(t)
		s.open(quick, nil)
		head := s.Fold().Governance().Head()
		change(&head)
		x2, read := s.Member("x2"), make([]byte, 32)
		o := &pb.Outcome{
			IntentDigest: read, Claim: &pb.Position{Sequence: 1}, Status: pb.Status_STATUS_EXECUTED,
			Finished: s.Fold().Governance().Release().Proto.GetNotBefore(), Head: head.Proto(), Executor: x2.SPIFFE(),
		}
		item, err := schemas.Marshal(o)
		s.must(err)
		s.Write("x2", schemas.KindOutcome, "read", x2.List(schemas.KindOutcome, s.Zone.Ledger, item))
		s.Eventually(name+": disarmed", func() bool {
			return strings.Contains(s.x.Status().Disarmed, "in an outcome of") && strings.Contains(s.x.Status().Disarmed, "lineage break")
		})
		s.armed() // by a pulse behind it
		s.close()
	}
}
