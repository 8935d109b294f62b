package recorder

import (
	"context"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/inorder"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/streams"
)

// published is what can be learnt from the zone's checkpoints of the newest tree
// that they tell of.
type published struct {
	losses int
	signed []lineage.Checkpoint // authentic, in the order of the stream
}

// published reads all of the zone's checkpoints for authentic ones of a tree that
// are larger than what the disk holds, or of any tree after the one that
// governors and the disk count.
//
// It reads every one of them: they have no order that could be relied upon, since
// a late cosignature publishes a note again and a witness may append whatever it
// likes. A start reads all of the ledger too, which has more records than there
// are checkpoints. Signatures are verified of those only that would add
// something: none, as a rule, where the disk was not lost.
func (r *Recorder) published(ctx context.Context, g *governed, losses int, onDisk uint64) (published, error) {
	s := &search{governed: g, disk: losses, onDisk: onDisk, found: published{losses: losses}}
	_, err := streams.Read(ctx, r.cfg.Conn, streams.ReadConfig{Stream: streams.Checkpoints}, func(raw streams.Raw) error {
		return s.see(raw.Data)
	})
	if err != nil {
		return published{}, err
	}
	return s.found, s.verify()
}

// search is one reading of the checkpoints.
type search struct {
	*governed
	disk   int    // the tree of the disk, or that which governors count
	onDisk uint64 // records that it covers
	found  published

	claims []claim         // not verified yet
	keys   []*lineage.Keys // of the tree that was asked for last
}

// claim is a note by what it says, with the keys that would make it authentic.
type claim struct {
	losses int
	note   []byte
	keys   []*lineage.Keys
}

// together is how many notes are verified at once.
const together = 256

// see takes a message of the stream. What cannot be a checkpoint of this ledger is
// junk.
func (s *search) see(note []byte) error {
	if len(note) > lineage.MaxNote {
		return nil
	}
	c, err := tiles.TextOf(note)
	if err != nil || c.Size == 0 {
		return nil //nolint:nilerr // junk
	}
	losses, ok := s.number(c.Origin)
	if !ok || !s.tells(losses, c.Size) {
		return nil
	}
	if len(s.keys) == 0 || s.keys[0].Origin() != c.Origin {
		if s.keys, err = s.keysOf(losses); err != nil {
			return err
		}
	}
	s.claims = append(s.claims, claim{losses, note, s.keys})
	if len(s.claims) < together {
		return nil
	}
	return s.verify()
}

// tells reports whether an authentic note would add something: it is of the
// newest tree that was seen, and not one that the disk covers. Trees that
// governors count and the disk is behind of are looked at when it has caught up.
func (s *search) tells(losses int, size uint64) bool {
	known := max(s.disk, len(s.governed.losses))
	switch {
	case losses > known:
		return losses >= s.found.losses
	case losses == s.disk:
		return s.found.losses == s.disk && size > s.onDisk
	default:
		return false
	}
}

// verify takes what is authentic of the claims.
func (s *search) verify() error {
	claims := s.claims
	s.claims = nil
	return inorder.Slice(claims, claim.open, func(i int, c lineage.Checkpoint) error {
		if c.Size == 0 || !s.tells(claims[i].losses, c.Size) {
			return nil
		}
		if claims[i].losses > s.found.losses {
			s.found = published{losses: claims[i].losses}
		}
		c.Origin = s.origin(s.found.losses) // not a part of the note, which need not stay in memory
		s.found.signed = append(s.found.signed, c)
		return nil
	})
}

// open verifies a note. A size of 0 says that it is not authentic.
func (c claim) open() lineage.Checkpoint {
	for _, keys := range c.keys {
		if signed, err := keys.Open(c.note); err == nil {
			return signed.Checkpoint
		}
	}
	return lineage.Checkpoint{}
}
