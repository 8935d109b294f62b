package story

import (
	"context"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// recorded is the envelope of scout's transfer as it stands on the ledger.
func (p *plot) recorded(ctx context.Context, s *stage) ([]byte, error) {
	raw, err := s.rogue.conn.Get(ctx, s.view.where(p.transferred).Seq)
	return raw.Data, err
}

// replay: the same bytes again are the same intent, which is decided once.
func (p *plot) replay(ctx context.Context, s *stage, step *Step) error {
	data, err := p.recorded(ctx, s)
	if err != nil {
		return err
	}
	seq, err := s.scout.conn.Append(ctx, s.subject(schemas.KindIntent, s.scout.ID.Name), data)
	if err != nil {
		return err
	}
	// Decisions come in the ledger's order: when a later intent has one, the
	// copy would have had its own.
	_ = s.denied(ctx, new(Step), transferOf(overAmount), pb.Reason_REASON_POLICY_DEFAULT_DENY)
	barrier := func() bool { return len(s.view.intents[p.transferred]) > 1 && s.view.last > seq+1 }
	if err := s.view.await(ctx, "the copy at "+ledger.Position{Seq: seq}.String(), barrier); err != nil {
		return err
	}
	decisions, claims, outcomes := s.view.counts(p.transferred)
	step.Result = "IGNORED"
	step.Check = "it is the same intent: no second decision, no second claim"
	step.expect(decisions == 1 && claims == 1 && outcomes == 1, "it has %d decisions, %d claims, %d outcomes", decisions, claims, outcomes)
	step.place("intent", s.view.where(p.transferred))
	step.place("copy", ledger.Position{Seq: seq})
	s.bankUnmoved(step)
	return nil
}

// replayElsewhere: a record belongs on its signer's subject and nowhere else.
func (p *plot) replayElsewhere(ctx context.Context, s *stage, step *Step) error {
	data, err := p.recorded(ctx, s)
	if err != nil {
		return err
	}
	seq, err := s.mallory.conn.Append(ctx, s.subject(schemas.KindIntent, s.mallory.ID.Name), data)
	if err != nil {
		return err
	}
	if err := s.noise(ctx, step, seq, pb.Reason_REASON_NOISE_NAME); err != nil {
		return err
	}
	step.Check = "before any verdict: scout's record is no record on mallory's subject"
	s.bankUnmoved(step)
	return nil
}

// noise demands that a message counts for nothing, for a reason.
func (s *stage) noise(ctx context.Context, step *Step, seq uint64, want pb.Reason) error {
	reason, err := s.view.awaitNoise(ctx, seq)
	if err != nil {
		return err
	}
	step.refused("NOISE", []pb.Reason{reason}, want)
	step.place("message", ledger.Position{Seq: seq})
	return nil
}
