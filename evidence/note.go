package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// ReadCheckpoint reads what a signed note says. No signature is verified: that
// takes keys which only the ledger's own records name.
func ReadCheckpoint(signed []byte) (lineage.Checkpoint, error) {
	if len(signed) > lineage.MaxNote {
		return lineage.Checkpoint{}, fmt.Errorf("evidence: a checkpoint of %d bytes; it has at most %d", len(signed), lineage.MaxNote)
	}
	_, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError // always: nobody's key is known
	if !errors.As(err, &unverified) {
		return lineage.Checkpoint{}, fmt.Errorf("evidence: not a signed checkpoint: %w", err)
	}
	return lineage.ParseCheckpoint(unverified.Note.Text)
}

// WithCheckpoint adds a checkpoint from elsewhere to a source: behind the record
// at its size, or at the end if there are not so many. One that stands there
// already is not doubled.
func WithCheckpoint(s Source, signed []byte) (Source, error) {
	c, err := ReadCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	return &noted{s, signed, c.Size}, nil
}

type noted struct {
	Source
	note []byte
	size uint64
}

// Frames are the source's, with the checkpoint among them.
func (n *noted) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		added, end := false, int64(0)
		for f, err := range n.Source.Frames() {
			if err == nil && f.Kind == FrameCheckpoint && bytes.Equal(f.Note, n.note) {
				if added {
					continue
				}
				added = true
			}
			if !yield(f, err) || err != nil {
				return
			}
			if end = f.End; !added && f.Kind == FrameRecord && f.Raw.Seq == n.size {
				if added = true; !yield(Frame{Kind: FrameCheckpoint, Note: n.note, End: end}, nil) {
					return
				}
			}
		}
		if !added {
			yield(Frame{Kind: FrameCheckpoint, Note: n.note, End: end}, nil)
		}
	}
}
