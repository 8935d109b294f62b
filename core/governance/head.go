package governance

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Errors of comparing a head that someone else names with one's own chain. Both
// mean that history differs: whoever sees one disarms.
var (
	ErrForked   = errors.New("governance: lineage break: another digest at the same number")
	ErrWithheld = errors.New("governance: lineage break: a head beyond this position's chain is named; records were withheld")
)

// Head is a point of the folded chain. The zero Head stands before genesis.
type Head struct {
	Number uint64 // records that have taken effect; also the epoch
	Digest trust.Digest
}

const headDomain = "portcullis/governance-head/v1\x00"

// next is the head after the record with the given payload took effect at seq:
// SHA-256(domain || digest || number || seq || SHA-256(payload)), integers
// big-endian.
func (h Head) next(seq uint64, payload trust.Digest) Head {
	n := h.Number + 1
	b := make([]byte, 0, len(headDomain)+3*sha256.Size)
	b = append(b, headDomain...)
	b = append(b, h.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, n)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = append(b, payload[:]...)
	return Head{Number: n, Digest: trust.DigestOf(b)}
}

// Proto is the head as records carry it.
func (h Head) Proto() *pb.Head {
	return &pb.Head{Number: h.Number, Digest: append([]byte(nil), h.Digest[:]...)}
}

// CheckHead compares a head that a record names with this chain.
func (s *State) CheckHead(named *pb.Head) error {
	n := named.GetNumber()
	digest, ok := trust.DigestFrom(named.GetDigest())
	switch {
	case n > s.head.Number:
		return fmt.Errorf("%w (named %d, folded %d)", ErrWithheld, n, s.head.Number)
	case n == 0 || !ok || s.chain[n-1] != digest:
		return fmt.Errorf("%w (number %d)", ErrForked, n)
	}
	return nil
}
