package story

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// claim claims an intent that nobody decided on in time, with the keys of an
// executor: the claim must be void.
func (s *stage) claim(ctx context.Context, step *Step, tool string, intent trust.Digest, at ledger.Position) error {
	var incarnation [16]byte
	if _, err := rand.Read(incarnation[:]); err != nil {
		return fmt.Errorf("story: no randomness: %w", err)
	}
	item, err := schemas.Marshal(&pb.Claim{
		IntentDigest: intent[:], Intent: at.Proto(), Executor: s.rogue.ID.String(), Incarnation: incarnation[:],
	})
	if err != nil {
		return fmt.Errorf("story: %w", err)
	}
	data, err := s.seal(s.rogue, schemas.KindClaim, item)
	if err != nil {
		return err
	}
	seq, err := s.rogue.conn.Append(ctx, s.subject(schemas.KindClaim, tool), data)
	if err != nil {
		return err
	}
	void, err := s.view.awaitVoid(ctx, intent)
	if err != nil {
		return err
	}
	step.refused("VOID", []pb.Reason{void}, pb.Reason_REASON_CLAIM_UNDECIDED)
	step.place("claim", ledger.Position{Seq: seq})
	return nil
}
