package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// SealRecord ends a ledger.
func SealRecord(reason string) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: reason}}}
}

// CanSeal refuses to seal a ledger whose end nothing would prove: after the seal
// no loss can be signed for and no recorder enrolled. Witnesses that are about to
// cosign are waited for.
func (o *Observer) CanSeal(ctx context.Context) error {
	if err := o.Heard(ctx); err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, coveredWithin)
	defer cancel()
	for {
		s, err := o.Status(ctx)
		if err != nil || s.Evidence.State == EvidenceCovered {
			return err
		}
		select {
		case <-trying.Done():
			return fmt.Errorf("zone: nothing would cover a seal now (%s: %s), and after it nothing can be mended; mend it first, see portcullis status", s.Evidence.State, s.Evidence.Why)
		case <-time.After(coverPoll):
		}
	}
}

// ErrUncovered reports a position that no checkpoint covers yet, or one that too
// few witnesses have cosigned.
var ErrUncovered = errors.New("zone: no checkpoint covers it yet")

// coverPoll is how often the newest checkpoint is looked at.
const coverPoll = 100 * time.Millisecond

// Covered waits until a checkpoint covers a position, cosigned by as many
// witnesses as the release in force demands. When ctx ends before, the error
// wraps ErrUncovered and says what is lacking.
func (o *Observer) Covered(ctx context.Context, seq uint64) (lineage.Signed, error) {
	if err := o.Ready(ctx); err != nil {
		return lineage.Signed{}, err
	}
	lacks := "none was seen"
	for {
		note, err := o.newestCheckpoint(ctx)
		switch {
		case ctx.Err() != nil:
			return lineage.Signed{}, fmt.Errorf("%w: position %d: %s; see that the recorder runs, and its witnesses: portcullis status", ErrUncovered, seq, lacks)
		case err != nil:
			return lineage.Signed{}, err
		}
		if lacks = o.lacks(note, seq); lacks == "" {
			return note.signed, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(coverPoll):
		}
	}
}

// lacks says why a checkpoint does not cover a position as it must; "" if it does.
func (o *Observer) lacks(note newestNote, seq uint64) (why string) {
	o.Look(func(f *ledger.Fold) { why = lacksOf(f.Governance(), note, seq) })
	return why
}

func lacksOf(state *governance.State, note newestNote, seq uint64) string {
	keys, err := state.LogKeys()
	switch {
	case err != nil:
		return err.Error()
	case note.fault != nil:
		return note.fault.Error()
	case note.signed.Size < seq:
		return fmt.Sprintf("the newest covers %d records", note.signed.Size)
	case !keys.Witnessed(note.signed):
		return fmt.Sprintf("%d witnesses have cosigned it, %d must", len(note.signed.Cosigned), keys.Threshold())
	default:
		return ""
	}
}
