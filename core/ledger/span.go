package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrShownAnother reports that a sentinel read other bytes, or other times, than
// this follower at the same positions: somebody was shown another ledger. It
// latches: who is right cannot be told from within. Governors who find that the
// sentinel lied say so by revoking its identity.
var ErrShownAnother = errors.New("ledger: lineage break: a sentinel read another ledger at the same positions")

// MaxSpan is the most positions that one span can cover.
const MaxSpan = 1 << 15

const leafDomain = "portcullis/ledger-leaf/v1\x00"

// leafOf is what was found at one position, noise too: SHA-256(domain ||
// sequence || the broker's time in Unix nanoseconds, 0 if it cannot be told ||
// length of the subject || subject || data), integers big-endian, 64 bits each.
func leafOf(raw Raw) trust.Digest {
	var nanos int64
	if !raw.Time.IsZero() {
		nanos = raw.Time.UnixNano()
	}
	var room [256]byte // of every subject that the protocol has
	b := append(room[:0], leafDomain...)
	b = binary.BigEndian.AppendUint64(b, raw.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(nanos))
	b = binary.BigEndian.AppendUint64(b, uint64(len(raw.Subject)))
	b = append(b, raw.Subject...)
	h := sha256.New()
	h.Write(b)
	h.Write(raw.Data)
	var leaf trust.Digest
	h.Sum(leaf[:0])
	return leaf
}

// trail holds the leaves of the newest consecutive positions, at least MaxSpan
// of them where there are so many.
type trail struct {
	from   uint64 // position of leaves[0]
	leaves []trust.Digest
}

func (t *trail) add(seq uint64, leaf trust.Digest) {
	if seq != t.from+uint64(len(t.leaves)) {
		t.from, t.leaves = seq, t.leaves[:0] // the prefix of a follower that begins in the middle
	}
	t.leaves = append(t.leaves, leaf)
	if len(t.leaves) == 2*MaxSpan {
		t.from += MaxSpan
		t.leaves = append(t.leaves[:0], t.leaves[MaxSpan:]...)
	}
}

// digest is that of the leaves from..to; false if they are not all there.
func (t *trail) digest(from, to uint64) (trust.Digest, bool) {
	if from < t.from || from > to || to-from >= MaxSpan || to >= t.from+uint64(len(t.leaves)) {
		return trust.Digest{}, false
	}
	h := sha256.New()
	for _, leaf := range t.leaves[from-t.from : to-t.from+1] {
		h.Write(leaf[:])
	}
	return trust.Digest(h.Sum(nil)), true
}

// Span is what this follower found from a position on, or from where it began to
// read, up to the last position that it stepped over; at most MaxSpan positions,
// the newest. It is nil if there are none.
func (f *Fold) Span(from uint64) *pb.Span {
	to := f.seq
	from = max(from, f.trail.from)
	if to >= MaxSpan {
		from = max(from, to-MaxSpan+1)
	}
	digest, ok := f.trail.digest(from, to)
	if !ok {
		return nil
	}
	return &pb.Span{From: from, To: to, Digest: digest[:]}
}

// checkSpan compares what a sentinel found with what this follower did. What a
// follower did not read, it cannot compare.
func (f *Fold) checkSpan(sentinel trust.Identity, at uint64, span *pb.Span) error {
	if span == nil || f.broken != nil {
		return f.broken
	}
	if span.GetTo() >= at || span.GetFrom() > span.GetTo() || span.GetTo()-span.GetFrom() >= MaxSpan {
		f.brokenBy = sentinel
		f.broken = fmt.Errorf("%w: %s names positions %d to %d in a pulse at %d", ErrShownAnother, sentinel, span.GetFrom(), span.GetTo(), at)
		return f.broken
	}
	own, ok := f.trail.digest(span.GetFrom(), span.GetTo())
	if named, _ := trust.DigestFrom(span.GetDigest()); ok && own != named {
		f.brokenBy = sentinel
		f.broken = fmt.Errorf("%w (%s, positions %d to %d); compare both sides with portcullis tail, mend the broker or the sentinel, then revoke that sentinel and enroll another",
			ErrShownAnother, sentinel, span.GetFrom(), span.GetTo())
	}
	return f.broken
}
