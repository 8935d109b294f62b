package story

import (
	"bytes"
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// The amount as it was decided, and as somebody would like it.
var decidedAmount, alteredAmount = []byte(`"amount":250`), []byte(`"amount":950`)

// alter: the bytes of the transfer are changed and its signature is kept.
func (p *plot) alter(ctx context.Context, s *stage, step *Step) error {
	data, err := p.recorded(ctx, s)
	if err != nil {
		return err
	}
	var env pb.Envelope
	if err := proto.Unmarshal(data, &env); err != nil {
		return fmt.Errorf("story: reading scout's envelope: %w", err)
	}
	env.Payload = bytes.Replace(env.GetPayload(), decidedAmount, alteredAmount, 1)
	_, items, err := trust.ParseList(env.GetPayload())
	if err != nil {
		return err
	}
	p.altered = trust.DigestOf(items[0])
	if data, err = proto.Marshal(&env); err != nil {
		return fmt.Errorf("story: %w", err)
	}
	seq, err := s.scout.conn.Append(ctx, s.subject(schemas.KindIntent, s.scout.ID.Name), data)
	if err != nil {
		return err
	}
	if err := s.noise(ctx, step, seq, pb.Reason_REASON_NOISE_SIGNATURE); err != nil {
		return err
	}
	step.Check = "before any verdict: scout never signed these bytes"
	s.bankUnmoved(step)
	return nil
}

// resign: with scout's own key the signature is right, but the place in scout's
// session is taken by what was decided.
func (p *plot) resign(ctx context.Context, s *stage, step *Step) error {
	data, err := p.recorded(ctx, s)
	if err != nil {
		return err
	}
	item, err := alteredItem(data)
	if err != nil {
		return err
	}
	sealed, err := s.seal(s.scout, schemas.KindIntent, item)
	if err != nil {
		return err
	}
	if _, err := s.scout.conn.Append(ctx, s.subject(schemas.KindIntent, s.scout.ID.Name), sealed); err != nil {
		return err
	}
	if err := s.judged(ctx, step, trust.DigestOf(item), pb.Reason_REASON_SESSION_EQUIVOCATION); err != nil {
		return err
	}
	step.Check = "at the decision: another intent has this place in scout's session"
	s.bankUnmoved(step)
	return nil
}

// alteredItem is the intent in an envelope with another amount, in itself
// consistent.
func alteredItem(envelope []byte) ([]byte, error) {
	env, err := trust.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return nil, err
	}
	intent := new(pb.Intent)
	if err := schemas.Decode(items[0], schemas.MaxIntent, intent); err != nil {
		return nil, fmt.Errorf("story: reading scout's intent: %w", err)
	}
	intent.Arguments = bytes.Replace(intent.GetArguments(), decidedAmount, alteredAmount, 1)
	digest := trust.DigestOf(intent.GetArguments())
	intent.ArgumentsDigest = digest[:]
	item, err := schemas.Marshal(intent)
	if err != nil {
		return nil, fmt.Errorf("story: %w", err)
	}
	return item, nil
}

// claimAltered: nobody decided on the altered bytes, so nobody can claim them.
func (p *plot) claimAltered(ctx context.Context, s *stage, step *Step) error {
	if err := s.claim(ctx, step, "transfer", p.altered, s.view.where(p.transferred)); err != nil {
		return err
	}
	step.Check = "at the claim: no enforcer decided on these bytes"
	s.bankUnmoved(step)
	return nil
}
