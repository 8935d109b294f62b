package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrForked reports a ledger of which a recorder says that it is not the one that
// was signed for.
var ErrForked = errors.New("zone: a fork is not settled")

// settledWithin is how long recorders may take to begin a new tree once governors
// have signed for a loss.
const settledWithin = 5 * time.Second

// CheckForks refuses, with ErrForked, to lift a trip that a fork has caused as long
// as a recorder reports one: sentinels would trip again, and in between the ledger
// would be acted on. One that governors have signed for is waited for.
func (o *Observer) CheckForks(ctx context.Context, lifted []governance.Halt) error {
	if !slices.ContainsFunc(lifted, func(h governance.Halt) bool { return h.Rule == schemas.DriftCheckpointFork }) {
		return nil
	}
	if err := o.Heard(ctx); err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, settledWithin)
	defer cancel()
	for {
		s, err := o.Status(ctx)
		if err != nil {
			return err
		}
		if err := checkForks(s.Forks(), o.losses()); err != nil {
			return err
		}
		if len(s.Forks()) == 0 {
			return nil
		}
		select {
		case <-trying.Done():
			return fmt.Errorf("%w: recorder %s still reports it, although governors signed for it; see its log, and what else must be signed for: portcullis loss", ErrForked, s.Forks()[0].Recorder.Name)
		case <-time.After(coverPoll):
		}
	}
}

// checkForks refuses a fork that no loss signs for.
func checkForks(forks []Fork, losses []*pb.Loss) error {
	for _, f := range forks {
		if !slices.ContainsFunc(losses, f.signedBy) {
			return fmt.Errorf("%w: recorder %s reports lost records that nobody has signed for, and sentinels would trip again; sign the loss first: portcullis loss", ErrForked, f.Recorder.Name)
		}
	}
	return nil
}

// losses are those that governors have signed for.
func (o *Observer) losses() (losses []*pb.Loss) {
	o.Look(func(f *ledger.Fold) { losses = slices.Clone(f.Governance().Losses()) })
	return losses
}
