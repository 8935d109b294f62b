package history

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Errors of finding one intent or one key.
var (
	ErrNotFound  = errors.New("history: the ledger has no such thing")
	ErrAmbiguous = errors.New("history: more than one is meant")
)

// Shapes of questions. What is nothing but up to seven decimal digits is a
// position, though it could begin a digest.
var (
	positionShape = regexp.MustCompile(`^(\d{1,7}|\d+\.\d+)$`)
	prefixShape   = regexp.MustCompile(`^[0-9a-fA-F]{4,64}$`)
)

// maxNamed is how many an ambiguous answer names.
const maxNamed = 5

// Find returns the digest of the one intent that is meant by a text: a position of
// it or of anything about it ("17" or "17.0"), its id (a UUID), or the first 4 to
// 64 hexadecimal digits of its digest, also of one that is only named. Errors wrap
// ErrQuestion, ErrNotFound or ErrAmbiguous and say how to ask better.
func (h *History) Find(text string) (trust.Digest, error) {
	switch {
	case positionShape.MatchString(text):
		at, err := ledger.ParsePosition(text)
		if err != nil {
			return trust.Digest{}, fmt.Errorf("%w: %w", ErrQuestion, err)
		}
		return h.one(text, h.intentsAt(at))
	case prefixShape.MatchString(text):
		return h.one(text, h.digestsWith(strings.ToLower(text)))
	case len(text) == len(uuid.UUID{}.String()):
		id, err := uuid.Parse(text)
		if err != nil {
			break
		}
		return h.one(text, h.withID(id))
	}
	return trust.Digest{}, fmt.Errorf("%w: %.80q; give a position (17 or 17.0), an intent's id, or at least 4 digits of its digest", ErrQuestion, text)
}

func (h *History) one(text string, found []trust.Digest) (trust.Digest, error) {
	switch len(found) {
	case 0:
		return trust.Digest{}, fmt.Errorf("%w: no intent %s; see what there is with: portcullis lineage search", ErrNotFound, text)
	case 1:
		return found[0], nil
	default:
		return trust.Digest{}, fmt.Errorf("%w: %s could be %s; give more digits, or the position", ErrAmbiguous, text, h.named(found))
	}
}

func (h *History) named(found []trust.Digest) string {
	var names []string
	for _, d := range found[:min(len(found), maxNamed)] {
		name := d.String()[:16]
		if n, _ := h.node(d); n != nil {
			name += " at " + n.at.String()
		}
		names = append(names, name)
	}
	if len(found) > maxNamed {
		names = append(names, "and more")
	}
	return strings.Join(names, ", ")
}

// span is which nodes a record is about: all of them lie between two ordinals.
type span struct {
	seq       uint64
	low, high uint32
}

// widen stretches the span of the record that is being taken.
func (h *History) widen(ordinal uint32) {
	if n := len(h.spans); n > 0 && h.spans[n-1].seq == h.seq {
		last := &h.spans[n-1]
		last.low, last.high = min(last.low, ordinal), max(last.high, ordinal)
		return
	}
	h.spans = append(h.spans, span{h.seq, ordinal, ordinal})
}

func (h *History) intentsAt(at ledger.Position) (found []trust.Digest) {
	i, about := slices.BinarySearchFunc(h.spans, at.Seq, func(s span, seq uint64) int { return cmp.Compare(s.seq, seq) })
	if !about {
		return nil
	}
	for ordinal := h.spans[i].low; ordinal <= h.spans[i].high; ordinal++ {
		if n := &h.nodes[ordinal]; n.about(at) {
			found = append(found, h.vertices[n.vertex].digest)
		}
	}
	return found
}

// digestsWith are those that begin with at least 4 lower-case hexadecimal digits.
func (h *History) digestsWith(prefix string) (found []trust.Digest) {
	var start [2]byte
	if _, err := hex.Decode(start[:], []byte(prefix[:2*len(start)])); err != nil {
		return nil
	}
	for _, v := range h.byStart[start] {
		if digest := h.vertices[v].digest; len(found) <= maxNamed && strings.HasPrefix(digest.String(), prefix) {
			found = append(found, digest)
		}
	}
	return found
}

func (h *History) withID(id [16]byte) (found []trust.Digest) {
	for next := h.byID[id]; next != 0; next = h.nodes[next-1].sameID {
		found = append(found, h.vertices[h.nodes[next-1].vertex].digest)
	}
	return found
}
