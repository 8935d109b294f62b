package executor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// reportOutcome appends an outcome and then tells the agent. Called with mu
// held.
func (l *loop) reportOutcome(d *pb.Decision, o *pb.Outcome, result []byte, explanation string) {
	o.Head = l.fold.Governance().Head().Proto()
	item, err := schemas.Marshal(o)
	if err != nil {
		l.x.cfg.Logger.Error("an outcome could not be made", "claim", ledger.PositionOf(o.GetClaim()), "err", err)
		return
	}
	l.x.cfg.Meter.Concluded(d.GetTool(), o.GetStatus(), o.GetReason())
	l.unsettled.Add(1)
	l.appendOutcome(d, o, item, result, explanation)
}

const (
	retryAfter     = 200 * time.Millisecond
	refusedAfter   = 2 * time.Second
	maxExplanation = 4000 // bytes of Answer.explanation
)

// appendOutcome appends until the ledger acknowledges: a second copy of the
// same outcome is harmless, a missing one is not.
func (l *loop) appendOutcome(d *pb.Decision, o *pb.Outcome, item, result []byte, explanation string) {
	subject := schemas.Subject(l.x.cfg.ID.Zone, schemas.KindOutcome, d.GetTool())
	l.x.outcomes.Add(subject, item, func(s outbox.Sent) {
		again := func() { l.appendOutcome(d, o, item, result, explanation) }
		switch {
		case s.Err == nil:
			defer l.unsettled.Done()
			l.x.cfg.Meter.Took(telemetry.StageOutcome, time.Since(o.GetFinished().AsTime()))
			l.answer(d.GetAgent(), o, item, s.Position, result, explanation)
			return
		case errors.Is(s.Err, streams.ErrUnknown), errors.Is(s.Err, streams.ErrUnreachable):
			time.AfterFunc(retryAfter, again)
			return
		case errors.Is(s.Err, streams.ErrRefused): // a full ledger gets room again
			time.AfterFunc(refusedAfter, again)
		default:
			defer l.unsettled.Done()
		}
		l.x.cfg.Logger.Error("an outcome was not appended", "claim", ledger.PositionOf(o.GetClaim()), "status", o.GetStatus(), "err", s.Err)
	})
}

func (l *loop) answer(agent string, o *pb.Outcome, item []byte, at ledger.Position, result []byte, explanation string) {
	id, err := trust.ParseIdentity(agent)
	if err != nil {
		return // decisions carry the authenticated signer
	}
	explanation = forPeople(explanation)
	l.x.answers.Add(id.Name, func() *pb.Answer {
		return &pb.Answer{
			IntentDigest: o.GetIntentDigest(), Position: at.Proto(), Body: &pb.Answer_Outcome{Outcome: item},
			Result: result, Explanation: explanation,
		}
	})
}

// forPeople makes a handler's words fit to travel: valid UTF-8, and not long.
func forPeople(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxExplanation)], "")
}

// outcomesSeen settles own claims whose outcome stands on the ledger, and
// compares the governance head that each outcome names.
func (l *loop) outcomesSeen(f *ledger.Fold, rec ledger.Record) {
	for _, item := range rec.Items {
		o := permit.ReadOutcome(item.Bytes)
		if o == nil {
			continue
		}
		if rec.Signer.ID == l.x.cfg.ID {
			delete(l.open, ledger.PositionOf(o.GetClaim()))
		}
		if err := f.Governance().CheckHead(o.GetHead()); err != nil {
			l.lineage = lineageFault{at: rec.Seq, err: fmt.Errorf("%w, in an outcome of %s at position %d", err, rec.Signer.ID, rec.Seq)}
			l.x.cfg.Logger.Error("lineage break", "err", l.lineage.err)
		}
	}
}

// lineageFault is a governance head in somebody's outcome that is not on this
// chain. It disarms until a sentinel has seen all of it and pulses on this chain
// all the same: then it was that somebody's.
type lineageFault struct {
	at  uint64
	err error
}

func (l lineageFault) holds(newest ledger.Pulse) bool {
	return l.err != nil && (newest.Seq <= l.at || newest.Fault != nil)
}
