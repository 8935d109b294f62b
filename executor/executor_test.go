package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// TestAnAllowedIntentIsActedUponOnce, however often its decision is repeated
// and its claim copied (S2).
func TestAnAllowedIntentIsActedUponOnce(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	o := s.want(in, pb.Status_STATUS_EXECUTED, 0)
	if digest := trust.DigestOf([]byte("done")); string(o.GetResultDigest()) != string(digest[:]) {
		t.Errorf("result digest %x", o.GetResultDigest())
	}
	for range 3 {
		for _, kind := range []schemas.Kind{schemas.KindIntent, schemas.KindDecision, schemas.KindClaim} {
			for _, raw := range s.Records(kind)[:1] {
				_, _, token, err := schemas.LedgerSubject(raw.Subject)
				s.must(err)
				s.Write(map[schemas.Kind]string{schemas.KindIntent: "alice", schemas.KindDecision: "e1", schemas.KindClaim: "x1"}[kind], kind, token, raw.Data)
			}
		}
	}
	s.folded()
	s.close()
	s.acted(1)
	s.want(in, pb.Status_STATUS_EXECUTED, 0)
	if n := s.claims.count(); n != 1 {
		t.Errorf("%d claims, want 1", n)
	}
}

// TestAClaimThatIsStoredLateIsAbandoned: its append was unknown, time passed the
// start bound, then it stands on the ledger, valid (S3).
func TestAClaimThatIsStoredLateIsAbandoned(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	s.claims.keep()
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	s.forward.Store(int64(10*time.Second + 1))
	s.append(s.claims.kept()[0])
	s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)
	s.folded()
	if n := s.claims.count(); n != 1 {
		t.Errorf("%d claims: it bid again while one may have been stored", n)
	}
	s.close()
	s.acted(0)
}

func TestAClaimThatIsStoredInTimeIsActedUpon(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	s.claims.keep()
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	s.append(s.claims.kept()[0])
	s.want(in, pb.Status_STATUS_EXECUTED, 0)
	s.close()
	s.acted(1)
}

// withoutPulse brings a first claim of x1's onto the ledger that is void for
// want of a pulse, and has x1 bid again after the next one.
func withoutPulse(t *testing.T) (s *stage, in feedtest.Intent) {
	s = newStage(t, func(r *pb.Release) { r.Bounds.PulseLimit = durationpb.New(2 * time.Second) })
	s.open(quick, nil)
	s.claims.keep()
	in = s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	time.Sleep(2100 * time.Millisecond) // the broker's time, not ours to turn
	s.append(s.claims.kept()[0])
	s.folded()
	if n := len(s.claims.kept()); n != 1 {
		t.Fatalf("%d claims while no pulse is fresh", n)
	}
	s.armed()
	s.Eventually("a second claim", func() bool { return len(s.claims.kept()) == 2 })
	return s, in
}

func TestForWantOfAPulseItBidsAgain(t *testing.T) {
	s, in := withoutPulse(t)
	s.append(s.claims.kept()[1])
	s.want(in, pb.Status_STATUS_EXECUTED, 0)
	s.close()
	s.acted(1)
}

// TestACopyOfAnEarlierClaimPassesForNoLaterOne: who may write claims stores a
// copy of x1's void claim, and it is valid where it stands. The start bound of
// the bid that is on its way says nothing about when that copy was stored (S3).
func TestACopyOfAnEarlierClaimPassesForNoLaterOne(t *testing.T) {
	s, in := withoutPulse(t)
	first, second := s.claims.kept()[0], s.claims.kept()[1]
	if string(first.data) == string(second.data) {
		t.Fatal("two claims of the same bytes")
	}
	s.append(first)
	s.append(second)
	s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)
	s.folded()
	s.close()
	s.acted(0)
}

func TestAVoidClaimIsNotRepeated(t *testing.T) {
	tests := map[string]func(s *stage, in feedtest.Intent){
		"another was first": func(s *stage, in feedtest.Intent) { s.Claim("x2", in, [16]byte{1}) },
		"halted":            func(s *stage, _ feedtest.Intent) { s.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read")) },
		"agent revoked": func(s *stage, _ feedtest.Intent) {
			s.Govern(trusttest.RevokeIdentity(s.Member("alice").ID))
		},
		"another epoch": func(s *stage, _ feedtest.Intent) { s.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")) },
	}
	for name, meanwhile := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.open(quick, nil)
			s.claims.keep()
			in := s.Propose("s", time.Minute)
			s.Allow("e1", in)
			s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
			meanwhile(s, in)
			s.append(s.claims.kept()[0])
			s.folded()
			time.Sleep(200 * time.Millisecond) // four hedging delays
			if n := s.claims.count(); n != 1 {
				t.Errorf("%d claims, want 1", n)
			}
			s.close()
			s.acted(0)
			if outcomes := s.Outcomes(); len(outcomes) != 0 {
				t.Errorf("outcomes of a void claim: %v", outcomes)
			}
		})
	}
}

func TestAnOutcomeIsAppendedUntilItStands(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	fail := func(class error) error { return &streams.AppendError{Class: class, Cause: errors.New("test")} }
	s.outcomes.lose = []error{fail(streams.ErrUnknown), fail(streams.ErrUnreachable), fail(streams.ErrUnknown)}
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.want(in, pb.Status_STATUS_EXECUTED, 0)
	if n := s.outcomes.count(); n != 4 {
		t.Errorf("%d appends, want 4", n)
	}
	s.close()
	s.acted(1)
}

// TestTheEndWaitsForOutcomes also for one whose append must be repeated.
func TestTheEndWaitsForOutcomes(t *testing.T) {
	s := newStage(t)
	started := make(chan struct{})
	s.open(func(ctx context.Context, _ Action) (Result, error) {
		close(started)
		<-ctx.Done()
		return Result{}, context.Cause(ctx)
	}, nil)
	s.outcomes.lose = []error{&streams.AppendError{Class: streams.ErrUnknown, Cause: errors.New("test")}}
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	<-started
	s.close()
	s.want(in, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_SHUTDOWN)
}

// TestTheEndAbandonsClaimsOnTheirWay, so that the next start need not call them
// INDETERMINATE.
func TestTheEndAbandonsClaimsOnTheirWay(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	s.claims.keep()
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	s.stop()
	s.append(s.claims.kept()[0])
	s.close()
	s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_RUN_SHUTDOWN)
	s.acted(0)
}

func TestNothingRunsAfterTheEnd(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	for i := range 20 {
		s.Allow("e1", s.Propose(fmt.Sprint(i), time.Minute))
	}
	s.Eventually("outcomes", func() bool { return len(s.Outcomes()) == 20 })
	s.close()
	s.Eventually("every goroutine has ended", func() bool { return len(goroutines("portcullis/executor.")) == 0 })
}

// memory is a Mark.
type memory struct{ seq atomic.Uint64 }

func (m *memory) Load() (uint64, error)  { return m.seq.Load(), nil }
func (m *memory) Store(seq uint64) error { m.seq.Store(seq); return nil }

// TestWhatAnEarlierIncarnationLeftOpenIsIndeterminate, once, over however many
// starts.
func TestWhatAnEarlierIncarnationLeftOpenIsIndeterminate(t *testing.T) {
	for name, mark := range map[string]Mark{"whole ledger": nil, "from a mark": &memory{}} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.Pulse()
			in := s.Propose("s", time.Minute)
			s.Allow("e1", in)
			s.Claim("x1", in, [16]byte{9})
			for range 3 {
				s.open(quick, mark)
				s.want(in, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_CRASHED)
				s.folded()
				s.close()
			}
			s.want(in, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_CRASHED)
			s.acted(0)
		})
	}
}

// TestTheMarkStaysBelowWhatIsOpen while an action runs, and follows when its
// outcome stands.
func TestTheMarkStaysBelowWhatIsOpen(t *testing.T) {
	s := newStage(t)
	mark, release := &memory{}, make(chan struct{})
	s.open(func(context.Context, Action) (Result, error) {
		<-release
		return Result{}, nil
	}, mark)
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("it runs", func() bool { return s.acts.Load() == 1 })
	claim := s.Records(schemas.KindClaim)[0].Seq
	time.Sleep(1100 * time.Millisecond) // the mark is stored once a second
	s.Pulse()
	s.folded()
	if at := mark.seq.Load(); at == 0 || at >= claim {
		t.Errorf("the mark is at %d while the claim at %d is open", at, claim)
	}
	close(release)
	s.outcome(in)
	time.Sleep(1100 * time.Millisecond)
	last := s.Pulse()
	s.Eventually("the mark follows", func() bool { return mark.seq.Load() == last })
	s.close()
}

func TestALedgerThatEndsBeforeTheMarkIsRefused(t *testing.T) {
	s := newStage(t)
	mark := &memory{}
	mark.seq.Store(s.Last() + 10)
	s.begin(quick, mark)
	err := <-s.ended
	close(s.ended)
	if !errors.Is(err, streams.ErrRegressed) || !strings.Contains(err.Error(), "remove the executor's mark") {
		t.Errorf("Run ended with %v", err)
	}
}

func TestHandlersAreTakenAtTheirWord(t *testing.T) {
	large := make([]byte, schemas.MaxResult+1)
	tests := []struct {
		name   string
		handle HandlerFunc
		status pb.Status
		reason pb.Reason
		result []byte
	}{
		{"fails", func(context.Context, Action) (Result, error) { return Result{Data: []byte("x")}, errors.New("no") }, pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED, nil},
		{"cannot_tell", func(context.Context, Action) (Result, error) {
			return Result{}, fmt.Errorf("the connection broke: %w", ErrIndeterminate)
		}, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_UNCERTAIN, nil},
		{"panics", func(context.Context, Action) (Result, error) { panic("no") }, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_UNCERTAIN, nil},
		{"has_much_to_say", func(context.Context, Action) (Result, error) { return Result{Data: large}, nil }, pb.Status_STATUS_EXECUTED, 0, large},
	}
	s := newStage(t)
	s.open(func(ctx context.Context, a Action) (Result, error) {
		for _, tt := range tests {
			if a.Intent.GetResource() == tt.name {
				return tt.handle(ctx, a)
			}
		}
		return Result{}, nil
	}, nil)
	for _, tt := range tests {
		in := s.Propose(tt.name, time.Minute)
		s.Allow("e1", in)
		o := s.want(in, tt.status, tt.reason)
		digest := trust.DigestOf(tt.result)
		if len(tt.result) == 0 && len(o.GetResultDigest()) > 0 || len(tt.result) > 0 && string(o.GetResultDigest()) != string(digest[:]) {
			t.Errorf("%s: result digest %x", tt.name, o.GetResultDigest())
		}
	}
	s.close()
}

// TestWhoCannotTellSaysSoUnderAHaltToo: INTERRUPTED would claim to know.
func TestWhoCannotTellSaysSoUnderAHaltToo(t *testing.T) {
	s := newStage(t)
	s.open(func(ctx context.Context, _ Action) (Result, error) {
		<-ctx.Done()
		return Result{}, fmt.Errorf("%w: %w", ErrIndeterminate, context.Cause(ctx))
	}, nil)
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("it runs", func() bool { return s.acts.Load() == 1 })
	s.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	s.want(in, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_UNCERTAIN)
	s.close()
}

func TestNoiseDoesNotDisarm(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	s.WriteForeign("alice", schemas.KindIntent, "alice", []byte("whatever"))
	s.Write("alice", schemas.KindIntent, "alice", []byte("whatever"))
	s.WriteForeign("alice", schemas.KindIntent, "alice", []byte("whatever"))
	s.folded()
	if n := s.x.Status().Noise; n < 3 {
		t.Errorf("%d messages of noise, want 3 at least", n)
	}
	s.Eventually("x1 is armed although nothing else was written", func() bool { return s.x.Status().Disarmed == "" })
	s.close()
}

func TestWhatDisarms(t *testing.T) {
	tests := map[string]struct {
		meanwhile func(s *stage)
		want      string
	}{
		"no boot clock": {func(s *stage) { s.forward.Store(-1) }, "boot clock"},
		"revoked":       {func(s *stage) { s.Govern(trusttest.RevokeKey(s.Member("x1").Key.ID())) }, "revoked"},
		"a pulse that names another history": {func(s *stage) {
			gov := s.Fold().Governance()
			head := gov.Head().Proto()
			head.Digest = make([]byte, 32)
			s.PulseOf(head, gov.Release().Digest)
		}, "(number 2)"},
		"a head that no pulse has named": {func(s *stage) {
			s.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		}, "no pulse has named governance head 3"},
		"the server is gone": {func(s *stage) { s.Server.Shutdown() }, "disconnected"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.open(quick, nil)
			var in feedtest.Intent
			if name != "the server is gone" {
				in = s.Propose("s", time.Minute)
			}
			tt.meanwhile(s)
			s.Eventually("disarmed", func() bool { return strings.Contains(s.x.Status().Disarmed, tt.want) })
			if name != "the server is gone" {
				s.Allow("e1", in)
				s.folded()
				time.Sleep(200 * time.Millisecond) // four hedging delays
			}
			if n := s.claims.count(); n != 0 {
				t.Errorf("%d claims while disarmed", n)
			}
			s.acted(0)
		})
	}
}

func TestAClaimReadWhileDisarmedIsAbandoned(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	s.claims.keep()
	in := s.Propose("s", time.Minute)
	s.Allow("e1", in)
	s.Eventually("a claim", func() bool { return len(s.claims.kept()) == 1 })
	s.forward.Store(-1)
	s.append(s.claims.kept()[0])
	s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_DISARMED)
	s.forward.Store(0)
	s.close()
	s.acted(0)
}

func TestAnUnknownObligationIsNotIgnored(t *testing.T) {
	s := newStage(t)
	s.open(quick, nil)
	in := s.Propose("s", time.Minute)
	s.Decide("e1", in, func(d *pb.Decision) { d.Obligations = []*pb.Obligation{{Id: "watermark"}} })
	s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_RUN_OBLIGATION)
	s.close()
	s.acted(0)
}

func TestSlotsAreKeptAndGivenOn(t *testing.T) {
	s := newStage(t)
	release := make(chan struct{})
	s.open(func(context.Context, Action) (Result, error) {
		<-release
		return Result{}, nil
	}, nil)
	s.x.cfg.MaxConcurrent = 2
	var all []feedtest.Intent
	for i := range 6 {
		in := s.Propose(fmt.Sprint(i), time.Minute)
		s.Allow("e1", in)
		all = append(all, in)
	}
	s.Eventually("two run", func() bool { return s.acts.Load() == 2 })
	s.folded()
	time.Sleep(200 * time.Millisecond)
	s.acted(2)
	if n := len(s.Claims()); n != 2 {
		t.Errorf("%d claims for two slots", n)
	}
	close(release)
	for _, in := range all {
		s.want(in, pb.Status_STATUS_EXECUTED, 0)
	}
	s.close()
	s.acted(6)
}

func TestAConfigWithAHoleIsRefused(t *testing.T) {
	if err := Serve(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "handler") {
		t.Errorf("Serve with nothing: %v", err)
	}
}
