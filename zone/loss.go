package zone

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Fork is what a recorder says of a ledger that is not the one whose checkpoints
// it has signed: shorter, or different.
type Fork struct {
	Recorder trust.Identity
	Lost     *pb.CheckpointHead // its last checkpoint, of the ledger as it was
	Kept     uint64             // records from the first on that are as they were
	Detail   string
	Since    time.Time // by the recorder's clock
}

// Forks lists what recorders report now, in the order of the participants. What a
// recorder said that is silent, or whose word does not count, is left out.
func (s *Status) Forks() []Fork {
	var all []Fork
	for _, f := range s.Findings {
		if f.By.Role != pb.Role_ROLE_RECORDER || f.GetRule() != schemas.DriftCheckpointFork || f.GetLevel() != pb.Level_LEVEL_TRIP {
			continue
		}
		for _, p := range s.Participants {
			if p.ID == f.By {
				all = append(all, forkOf(p, f))
			}
		}
	}
	return all
}

// forkOf reads the finding's subject: the first position that differs.
func forkOf(p Participant, f Finding) Fork {
	fork := Fork{Recorder: p.ID, Lost: p.Beat.GetCheckpoint(), Detail: f.GetDetail(), Since: f.GetSince().AsTime()}
	seq, _, _ := strings.Cut(f.GetSubject(), ".")
	if first, err := strconv.ParseUint(seq, 10, 64); err == nil && first > 0 {
		fork.Kept = first - 1
	}
	return fork
}

// Record says, for governors to sign, that they know what the ledger lost.
func (f Fork) Record(reason string) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Loss{Loss: &pb.Loss{Lost: f.Lost, Kept: f.Kept, Reason: reason}}}
}

// signedBy reports whether a loss is this one.
func (f Fork) signedBy(loss *pb.Loss) bool {
	return f.Kept == loss.GetKept() && f.Lost.GetSize() == loss.GetLost().GetSize() && bytes.Equal(f.Lost.GetRoot(), loss.GetLost().GetRoot())
}

// CheckLoss refuses a loss that the recorders do not report any more, or report
// otherwise: it would begin a tree that nobody needs.
func (s *Status) CheckLoss(loss *pb.Loss) error {
	forks := s.Forks()
	for _, f := range forks {
		if f.signedBy(loss) {
			return nil
		}
	}
	if len(forks) == 0 {
		return errNoFork
	}
	return fmt.Errorf("zone: the recorders report another loss than this one, of %d records after %d; sign one anew with: portcullis loss", loss.GetLost().GetSize(), loss.GetKept())
}

var errNoFork = errors.New("zone: no recorder that is heard reports a loss: there is nothing to sign for; see portcullis status")

// Fork chooses the loss to sign for: the only one, or that which the named
// recorder reports.
func (s *Status) Fork(recorder string) (Fork, error) {
	forks := s.Forks()
	if recorder == "" && len(forks) > 1 {
		return Fork{}, fmt.Errorf("zone: %d recorders report a loss; choose one with --recorder", len(forks))
	}
	for _, f := range forks {
		if recorder != "" && f.Recorder.Name != recorder {
			continue
		}
		if f.Lost.GetSize() <= f.Kept {
			return Fork{}, fmt.Errorf("zone: recorder %s reports a fork without saying what was lost; see its log", f.Recorder.Name)
		}
		return f, nil
	}
	return Fork{}, errNoFork
}

// ForkHalts are the trips in force that a fork caused: a loss that is signed for
// does not lift them.
func (o *Observer) ForkHalts() (halts []governance.Halt) {
	o.Look(func(f *ledger.Fold) {
		for _, h := range f.Governance().Halts() {
			if h.Rule == schemas.DriftCheckpointFork {
				halts = append(halts, h)
			}
		}
	})
	return halts
}

// RecordVote counts the governors who have signed a record, by the release in
// force, against the threshold that records of its kind need. Those whose key was
// revoked neither count nor are missed.
func RecordVote(state *governance.State, record *pb.Governance, signed *trust.Envelope) fabric.Vote {
	if state.Release() == nil {
		return fabric.Vote{} // never enough
	}
	thresholds := state.Release().Proto.GetThresholds()
	switch record.GetRecord().(type) {
	case *pb.Governance_Resume, *pb.Governance_Loss:
		return governorVote(state, signed, thresholds.GetResume())
	case *pb.Governance_Seal, *pb.Governance_Release:
		return governorVote(state, signed, thresholds.GetRelease())
	default:
		return fabric.Vote{}
	}
}
