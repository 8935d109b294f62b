package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// subject is where a player's intents go.
func (s *stage) subject(kind schemas.Kind, token string) string {
	return schemas.Subject(s.fabric.Zone, kind, token)
}

// inScoutsName is an intent that names scout, whoever signs it.
func (s *stage) inScoutsName() ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("story: no randomness: %w", err)
	}
	arguments := transferOf(amount).Arguments
	digest := trust.DigestOf(arguments)
	item, err := schemas.Marshal(&pb.Intent{
		Id: id[:], Agent: s.scout.ID.String(), Session: "forged", Sequence: 1, Tool: "transfer", Action: "transfer", Resource: account,
		Arguments: arguments, ArgumentsDigest: digest[:], Deadline: timestamppb.New(time.Now().Add(patience)),
	})
	if err != nil {
		return nil, fmt.Errorf("story: %w", err)
	}
	return item, nil
}

// seal signs one item as a player.
func (s *stage) seal(p player, kind schemas.Kind, item []byte) ([]byte, error) {
	return trust.SealList(kind, s.fabric.Ledger, [][]byte{item}, p.Key)
}

// forgeSubject: mallory's connection has no right to scout's subject.
func (p *plot) forgeSubject(ctx context.Context, s *stage, step *Step) error {
	item, err := s.inScoutsName()
	if err != nil {
		return err
	}
	data, err := s.seal(s.mallory, schemas.KindIntent, item)
	if err != nil {
		return err
	}
	p.forged = trust.DigestOf(item)
	_, err = s.mallory.conn.Append(ctx, s.subject(schemas.KindIntent, s.scout.ID.Name), data)
	step.Result = "REFUSED"
	step.Check = "by the broker, which lets mallory publish her own intents only"
	step.expect(errors.Is(err, streams.ErrRefused), "the broker answered: %v", err)
	s.bankUnmoved(step)
	step.World = "nothing is on the ledger; " + step.World
	return nil
}

// forgeIntent: on her own subject the broker lets it pass, the verdict does not.
func (p *plot) forgeIntent(ctx context.Context, s *stage, step *Step) error {
	item, err := s.inScoutsName()
	if err != nil {
		return err
	}
	data, err := s.seal(s.mallory, schemas.KindIntent, item)
	if err != nil {
		return err
	}
	if _, err := s.mallory.conn.Append(ctx, s.subject(schemas.KindIntent, s.mallory.ID.Name), data); err != nil {
		return err
	}
	if err := s.judged(ctx, step, trust.DigestOf(item), pb.Reason_REASON_INTENT_FORGED); err != nil {
		return err
	}
	step.Check = "at the decision: the signature is mallory's, the name is scout's"
	step.expect(s.view.where(p.forged) == ledger.Position{}, "what the broker refused is on the ledger, at %s", s.view.where(p.forged))
	s.bankUnmoved(step)
	return nil
}

// judged awaits the decision on an intent that must be denied for a reason.
func (s *stage) judged(ctx context.Context, step *Step, intent trust.Digest, want pb.Reason) error {
	d, err := s.view.awaitDecision(ctx, intent)
	if err != nil {
		return err
	}
	step.refused(verdictOf(d.Decision), d.GetReasons(), want)
	step.place("intent", ledger.PositionOf(d.GetIntent()))
	step.place("decision", d.at)
	return nil
}

func verdictOf(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	return "DENY"
}
