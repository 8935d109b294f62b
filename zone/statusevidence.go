package zone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// Evidence is how far the ledger is covered by checkpoints, as far as that can be
// seen now.
type Evidence struct {
	State     EvidenceState
	Recorders int    // of the directory
	Heard     string // the recorder that this rests on; "" if none is heard
	Why       string // why the state is not EvidenceCovered; "" if it is

	// The newest checkpoint, whether it is fresh or not. Size 0: none was seen.
	Checkpoint lineage.Signed
	Stored     time.Time // when the broker got it
	Uncovered  uint64    // positions behind it

	Cosigned  int // witnesses of the release that cosigned it
	Witnesses int // of the directory
	Needed    int // who must
}

// EvidenceState is Evidence in a word.
type EvidenceState string

// What can be known of checkpoints. Only EvidenceCovered is well.
const (
	EvidenceNone    EvidenceState = "none"    // the directory has no recorder
	EvidenceUnknown EvidenceState = "unknown" // no recorder is heard, or no checkpoint can be read
	EvidenceFork    EvidenceState = "fork"    // a recorder has signed for another ledger than this
	EvidenceBehind  EvidenceState = "behind"  // records wait for a checkpoint for too long, or for cosignatures
	EvidenceCovered EvidenceState = "covered"
	EvidenceSealed  EvidenceState = "sealed" // the ledger has ended; whether a checkpoint covers the seal, Covered says
)

// coveredWithin is how long a record may wait for a published checkpoint:
// recorders sign each second, and publish what they signed at once, or within 10
// seconds when nothing but pulses came.
const coveredWithin = 12 * time.Second

// evidence judges what recorders say, and the newest checkpoint on the broker.
// Nothing that is old counts as known.
func (s *Status) evidence(note newestNote) Evidence {
	e := Evidence{Checkpoint: note.signed, Stored: note.stored, Cosigned: len(note.signed.Cosigned), Uncovered: s.Position - min(note.signed.Size, s.Position)}
	if s.Release == nil {
		e.State, e.Why = EvidenceNone, "no release is in force"
		return e
	}
	e.Needed = int(s.Release.Proto.GetWitnessThreshold())
	for _, p := range s.Release.Proto.GetDirectory() {
		switch {
		case p.GetRole() == pb.Role_ROLE_RECORDER:
			e.Recorders++
		case p.GetVerifier() != "":
			e.Witnesses++
		}
	}
	beat := s.recorderHeard()
	if beat != nil {
		e.Heard = beat.ID.Name
	}
	e.State, e.Why = s.judgeEvidence(e, beat, note)
	return e
}

func (s *Status) judgeEvidence(e Evidence, beat *Participant, note newestNote) (EvidenceState, string) {
	waits := !note.waiting.IsZero() && s.At.Sub(note.waiting) > coveredWithin
	switch {
	case e.Recorders == 0:
		return EvidenceNone, "the directory has no recorder"
	case len(s.Forks()) > 0:
		return EvidenceFork, s.Forks()[0].Detail
	case beat == nil:
		return EvidenceUnknown, "no recorder is heard"
	case note.fault != nil:
		return EvidenceUnknown, note.fault.Error()
	case s.Sealed:
		return EvidenceSealed, "portcullis seal shows whether the last checkpoint covers the seal"
	case beat.Beat.GetDisarmed() != "":
		return EvidenceBehind, beat.Beat.GetDisarmed()
	case e.Checkpoint.Size == 0:
		return EvidenceBehind, "no checkpoint is there yet"
	case waits && e.Uncovered > 0:
		return EvidenceBehind, fmt.Sprintf("records wait for a checkpoint with %d cosignatures for more than %s", e.Needed, coveredWithin)
	case e.Cosigned < e.Needed:
		return EvidenceBehind, fmt.Sprintf("%d witnesses must cosign, %d have", e.Needed, e.Cosigned)
	default:
		return EvidenceCovered, ""
	}
}

// recorderHeard is the recorder whose word is worth most: one that is heard and
// counts, and of those the one that has signed furthest.
func (s *Status) recorderHeard() (best *Participant) {
	for i := range s.Participants {
		p := &s.Participants[i]
		if p.ID.Role != pb.Role_ROLE_RECORDER || p.Silent || p.Beat == nil || p.Fault != "" {
			continue
		}
		if best == nil || p.Beat.GetCheckpoint().GetSize() > best.Beat.GetCheckpoint().GetSize() {
			best = p
		}
	}
	return best
}

// newestNote is the newest checkpoint of a zone that is worth something.
type newestNote struct {
	signed lineage.Signed // the zero value: there is none
	stored time.Time
	// waiting is when the first record that it does not cover was stored: a copy of
	// an old note is new on the broker, and covers no more for it. Zero: there is none.
	waiting time.Time
	fault   error // why none of the newest is worth anything
}

const (
	// noteWithin bounds reading checkpoints: a broker whose configuration is older
	// than recorders lets no governor read any, and does not say so.
	noteWithin = 2 * time.Second
	// lastNotes is how many are looked at: the newest is not cosigned yet, as a rule,
	// and whoever may write there may write what is none.
	lastNotes = 8
)

// newestCheckpoint reads the newest checkpoints and verifies them by the release
// in force. Where the directory has no recorder there is none.
func (o *Observer) newestCheckpoint(ctx context.Context) (newestNote, error) {
	if !o.recorded() {
		return newestNote{}, nil
	}
	reading, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	notes, err := readNotes(reading, o.conn)
	switch {
	case err != nil && reading.Err() != nil && ctx.Err() == nil:
		return newestNote{fault: errors.New("checkpoints cannot be read: the broker does not answer, or does not let this participant")}, nil
	case err != nil:
		return newestNote{}, err
	}
	note := newestNote{fault: errors.New("the ledger is not read yet")}
	o.Look(func(f *ledger.Fold) { note = newestOf(f.Governance(), notes) })
	if note.waiting, err = firstUncovered(ctx, o.conn, note); err != nil {
		return newestNote{}, err
	}
	return note, nil
}

// firstUncovered is when the record behind a checkpoint was stored, or, where its
// time cannot be told, the checkpoint; zero if there is no such record.
func firstUncovered(ctx context.Context, conn *streams.Conn, note newestNote) (time.Time, error) {
	raw, err := conn.Get(ctx, note.signed.Size+1)
	switch {
	case errors.Is(err, streams.ErrMissing):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case raw.Foreign:
		return note.stored, nil
	default:
		return raw.Time, nil
	}
}

// readNotes reads the last notes of a zone's checkpoints, oldest first.
func readNotes(ctx context.Context, conn *streams.Conn) (notes []streams.Raw, err error) {
	last, found, err := conn.LastCheckpoint(ctx)
	if err != nil || !found {
		return nil, err
	}
	from := max(last.Seq, lastNotes) - lastNotes + 1
	_, err = streams.Read(ctx, conn, streams.ReadConfig{Stream: streams.Checkpoints, From: from, To: last.Seq}, func(raw streams.Raw) error {
		notes = append(notes, raw)
		return nil
	})
	return notes, err
}

// newestOf chooses the largest checkpoint that enough witnesses cosigned, or else
// the largest.
func newestOf(state *governance.State, notes []streams.Raw) (best newestNote) {
	keys, err := state.LogKeys()
	if err != nil {
		return newestNote{fault: err}
	}
	rank := func(s lineage.Signed) (bool, uint64) { return keys.Witnessed(s), s.Size }
	for _, raw := range notes {
		if !bytes.HasPrefix(raw.Data, []byte(keys.Origin()+"\n")) {
			continue // of the tree before a loss, or none at all
		}
		signed, err := keys.Open(raw.Data)
		if err != nil {
			if best.signed.Size == 0 {
				best.fault = fmt.Errorf("the newest checkpoint: %w", err)
			}
			continue
		}
		witnessed, size := rank(signed)
		if before, than := rank(best.signed); best.signed.Size == 0 || witnessed && !before || witnessed == before && size >= than {
			best = newestNote{signed: signed, stored: raw.Time}
		}
	}
	return best
}

// recorded reports whether the directory has a recorder.
func (o *Observer) recorded() bool {
	release := o.Release()
	return release != nil && slices.ContainsFunc(release.Proto.GetDirectory(), func(p *pb.Identity) bool { return p.GetRole() == pb.Role_ROLE_RECORDER })
}
