package executor

import (
	"errors"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// reportOutcome appends an outcome and then tells the agent. Called with mu
// held.
func (l *loop) reportOutcome(d *pb.Decision, o *pb.Outcome, result []byte, explanation string) {
	o.Head = l.fold.Governance().Head().Proto()
	if len(result) > 0 {
		digest := trust.DigestOf(result)
		o.ResultDigest = digest[:]
	}
	item, err := schemas.Marshal(o)
	if err != nil {
		l.x.cfg.Logger.Error("an outcome could not be made", "claim", ledger.PositionOf(o.GetClaim()), "err", err)
		return
	}
	l.appendOutcome(d, o, item, result, explanation)
}

const (
	retryAfter     = 200 * time.Millisecond
	maxExplanation = 4000 // Answer.explanation
)

// appendOutcome appends until the ledger acknowledges: a second copy of the
// same outcome is harmless, a missing one is not.
func (l *loop) appendOutcome(d *pb.Decision, o *pb.Outcome, item, result []byte, explanation string) {
	subject := schemas.Subject(l.x.cfg.ID.Zone, schemas.KindOutcome, d.GetTool())
	l.x.outcomes.Add(subject, item, func(s outbox.Sent) {
		switch {
		case s.Err == nil:
			l.answer(d.GetAgent(), o, item, s.Position, result, explanation)
		case errors.Is(s.Err, streams.ErrUnknown), errors.Is(s.Err, streams.ErrUnreachable):
			time.AfterFunc(retryAfter, func() { l.appendOutcome(d, o, item, result, explanation) })
		case errors.Is(s.Err, outbox.ErrClosed):
		default:
			l.x.cfg.Logger.Error("an outcome was refused by the ledger", "claim", ledger.PositionOf(o.GetClaim()), "err", s.Err)
		}
	})
}

func (l *loop) answer(agent string, o *pb.Outcome, item []byte, at ledger.Position, result []byte, explanation string) {
	id, err := trust.ParseIdentity(agent)
	if err != nil {
		return // decisions carry the authenticated signer
	}
	if len(explanation) > maxExplanation {
		explanation = explanation[:maxExplanation]
	}
	l.x.answers.Add(id.Name, func() *pb.Answer {
		return &pb.Answer{
			IntentDigest: o.GetIntentDigest(), Position: at.Proto(), Body: &pb.Answer_Outcome{Outcome: item},
			Result: result, Explanation: explanation,
		}
	})
}

// outcomesSeen settles own claims whose outcome stands on the ledger.
func (l *loop) outcomesSeen(rec ledger.Record) {
	if rec.Signer.ID != l.x.cfg.ID {
		return
	}
	for _, item := range rec.Items {
		o := new(pb.Outcome)
		if schemas.Decode(item.Bytes, schemas.MaxItem, o) == nil {
			delete(l.open, ledger.PositionOf(o.GetClaim()))
		}
	}
}
