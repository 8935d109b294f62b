package executor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// running is an action under way.
type running struct {
	cancel               context.CancelCauseFunc
	tool, agent, session string
}

// act is step 4 of PROTOCOL section 8: the executor's own claim, read back from
// the ledger, is valid. It starts the action now or abandons it for good.
func (l *loop) act(r permit.Ruling) {
	b := l.bidOf(r)
	delete(l.bids, r.Intent)
	d := r.Decision
	l.open[r.Position] = open{intent: r.Intent, tool: d.GetTool(), agent: d.GetAgent(), mine: true}
	intent := l.intents.get(r.Intent)
	l.intents.drop(r.Intent)
	switch why := l.disarmed(); {
	case b == nil:
		l.abandon(r, intent, schemas.Refuse(pb.Reason_REASON_START_LATE, "the claim was given up, or is a copy of one that was"))
	case l.ctx.Err() != nil:
		l.abandon(r, intent, schemas.Refuse(pb.Reason_REASON_RUN_SHUTDOWN, "%v", ErrStopping))
	case why != "":
		l.abandon(r, intent, schemas.Refuse(pb.Reason_REASON_START_DISARMED, "%s", why))
	case len(d.GetObligations()) > 0:
		l.abandon(r, intent, schemas.Refuse(pb.Reason_REASON_RUN_OBLIGATION, "obligation %q is not known here", d.GetObligations()[0].GetId()))
	default:
		l.x.cfg.Meter.Took(telemetry.StageClaim, l.x.clock()-b.t0)
		l.start(r, b.t0, intent)
	}
}

// start gives the action a goroutine of its own, which spends the permit right
// before it calls the handler. Called with mu held.
func (l *loop) start(r permit.Ruling, t0 time.Duration, intent []byte) {
	d := r.Decision
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(l.ctx))
	l.running[r.Intent] = &running{cancel: cancel, tool: d.GetTool(), agent: d.GetAgent(), session: d.GetSession()}
	deadline := l.runDeadline(d)
	bound := l.fold.Governance().Release().Bounds.Start
	handler := l.x.cfg.Handlers[d.GetTool()]
	l.actions.Go(func() {
		defer cancel(nil)
		timed, stop := context.WithDeadlineCause(ctx, deadline, ErrDeadline)
		defer stop()
		grant, err := l.spend(timed, r, t0, intent)
		started := time.Now()
		// Spend took the time before it read the intent. A process that was frozen
		// since then must not start, and no outcome may state such a start.
		waited := l.x.clock() - t0
		if err == nil && waited >= bound {
			err = schemas.Refuse(pb.Reason_REASON_START_LATE, "%v since the claim, the start bound is %v", waited, bound)
		}
		if err != nil {
			l.notStarted(r, intent, err)
			return
		}
		l.x.cfg.Meter.Took(telemetry.StageStart, waited)
		l.x.lastStart.Store(startOf(grant.Claim, started))
		traced, span := l.x.cfg.Tracer.Execute(timed, l.x.cfg.ID, grant.Intent, grant.Digest, grant.Claim, started)
		result, err := handle(traced, handler, Action{
			Intent: grant.Intent, Digest: grant.Digest, Claim: grant.Claim, Token: grant.Claim.Token(), Deadline: deadline,
		})
		l.x.cfg.Meter.Took(telemetry.StageRun, time.Since(started))
		span.End(l.finished(grant, started, result, err, context.Cause(timed)))
	})
}

// spend is the last thing before the act: whatever ended the context since the
// claim was read also ends the permit.
func (l *loop) spend(ctx context.Context, r permit.Ruling, t0 time.Duration, intent []byte) (permit.Grant, error) {
	if cause := context.Cause(ctx); cause != nil {
		_, reason := failure(cause)
		return permit.Grant{}, schemas.Refuse(reason, "%v", cause)
	}
	if why := l.x.braked(); why != "" {
		return permit.Grant{}, schemas.Refuse(pb.Reason_REASON_START_DISARMED, "%s", why)
	}
	grant, err := r.Permit.Spend(t0, l.x.clock(), intent)
	if err != nil {
		return permit.Grant{}, err
	}
	return grant, l.x.open(grant.Intent)
}

func (l *loop) notStarted(r permit.Ruling, intent []byte, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, r.Intent)
	l.abandon(r, intent, why)
}

// runDeadline is the intent's deadline or the tool's run limit, whichever comes
// first.
func (l *loop) runDeadline(d *pb.Decision) time.Time {
	deadline := d.GetDeadline().AsTime()
	tool, ok := l.fold.Governance().Release().Tool(d.GetTool())
	if ok && tool.GetRunLimit() != nil {
		if limit := time.Now().Add(tool.GetRunLimit().AsDuration()); limit.Before(deadline) {
			return limit
		}
	}
	return deadline
}

// handle calls the handler. Where a panic came from, nobody can tell what was
// done before it.
func handle(ctx context.Context, h Handler, a Action) (result Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the handler of %s panicked: %v\n%s", ErrIndeterminate, a.Intent.GetTool(), p, debug.Stack())
		}
	}()
	return h.Handle(ctx, a)
}

// finished turns what the handler returned into an outcome. A handler that
// reports success has succeeded, even if its context ended meanwhile, and even
// if its result is too large to travel.
func (l *loop) finished(g permit.Grant, started time.Time, result Result, err, cause error) (pb.Status, pb.Reason) {
	o := &pb.Outcome{
		IntentDigest: g.Digest[:], Claim: g.Claim.Proto(), Executor: l.x.cfg.ID.String(),
		Status: pb.Status_STATUS_EXECUTED, Started: timestamppb.New(started),
		Finished: timestamppb.New(started.Add(time.Since(started))), // whatever the clock was set to meanwhile
	}
	explanation := ""
	switch {
	case err != nil:
		o.Status, o.Reason = failed(err, cause)
		explanation = err.Error()
		result = Result{}
	case len(result.Data) > 0:
		digest := trust.DigestOf(result.Data)
		o.ResultDigest = digest[:]
	}
	if len(result.Data) > schemas.MaxResult {
		explanation = fmt.Sprintf("the action was done; its result has %d bytes, more than the %d that an answer can carry", len(result.Data), schemas.MaxResult)
		result = Result{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.running[g.Digest]; r != nil && l.reached(r) {
		defer l.x.beatNow() // whoever halted it waits to hear that it has ended
	}
	delete(l.running, g.Digest)
	l.slots.give(g.Digest)
	l.status.Started++
	l.reportOutcome(g.Decision, o, result.Data, explanation)
	l.freed()
	return o.GetStatus(), o.GetReason()
}

// failed is what a handler's error means, given why its context had ended.
func failed(err, cause error) (pb.Status, pb.Reason) {
	if errors.Is(err, ErrIndeterminate) {
		return pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_UNCERTAIN
	}
	return failure(cause)
}

func failure(cause error) (pb.Status, pb.Reason) {
	switch {
	case errors.Is(cause, ErrHalted):
		return pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED
	case errors.Is(cause, ErrDeadline):
		return pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_DEADLINE
	case errors.Is(cause, ErrStopping):
		return pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_SHUTDOWN
	default:
		return pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED
	}
}

// abandon gives up a valid claim for good. The bytes are the intent's, as far as they
// are still here.
func (l *loop) abandon(r permit.Ruling, intent []byte, why error) {
	l.x.cfg.Tracer.Abandoned(l.x.cfg.ID, intent, r.Position, schemas.ReasonOf(why))
	l.slots.give(r.Intent)
	l.status.Abandoned++
	l.given.report(l.x.cfg.Logger, time.Now(), r, why)
	l.reportOutcome(r.Decision, &pb.Outcome{
		IntentDigest: r.Intent[:], Claim: r.Position.Proto(), Executor: l.x.cfg.ID.String(),
		Status: pb.Status_STATUS_ABANDONED, Reason: schemas.ReasonOf(why), Finished: timestamppb.Now(),
	}, nil, why.Error())
	l.freed()
}

// crashed reports a claim of an earlier incarnation: nobody knows what came of
// it, and nobody will try again.
func (l *loop) crashed(at ledger.Position, o open) {
	if o.mine {
		return
	}
	l.x.cfg.Logger.Warn("an earlier incarnation left a claim open", "claim", at, "intent", o.intent.Short())
	l.reportOutcome(&pb.Decision{Tool: o.tool, Agent: o.agent}, &pb.Outcome{
		IntentDigest: o.intent[:], Claim: at.Proto(), Executor: l.x.cfg.ID.String(),
		Status: pb.Status_STATUS_INDETERMINATE, Reason: pb.Reason_REASON_RUN_CRASHED, Finished: timestamppb.Now(),
	}, nil, "the executor stopped between claim and outcome; look at the tool's own records before you ask again")
}

// finish interrupts what runs and waits until every outcome is on the ledger.
// Called when the feed has ended, so that no action starts any more.
func (l *loop) finish(grace time.Duration) {
	l.mu.Lock()
	for _, r := range l.running {
		r.cancel(ErrStopping)
	}
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.actions.Wait() // whatever reports an outcome has done so
		l.unsettled.Wait()
	}()
	select {
	case <-done:
	case <-time.After(grace):
		l.x.cfg.Logger.Error("actions did not stop, or outcomes were not appended, in time; the next start reports them as INDETERMINATE")
	}
}
