package verdict

import (
	"encoding/binary"
	"math/bits"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// mix is the digest of a set of lines that changes line by line: the sum of
// their SHA-256, modulo 2^256. It tells states of honest programs apart that
// have drifted; somebody who may choose all the lines could make two sets with
// one sum, so it proves nothing to a judge.
type mix [4]uint64 // least significant word first

func (m *mix) add(line []byte) {
	words, carry := wordsOf(line), uint64(0)
	for i := range m {
		m[i], carry = bits.Add64(m[i], words[i], carry)
	}
}

func (m *mix) sub(line []byte) {
	words, borrow := wordsOf(line), uint64(0)
	for i := range m {
		m[i], borrow = bits.Sub64(m[i], words[i], borrow)
	}
}

func wordsOf(line []byte) (words mix) {
	digest := trust.DigestOf(line)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(digest[8*i:])
	}
	return words
}

func (m mix) digest() trust.Digest {
	b := []byte("portcullis/verdict-state/v1\x00")
	for _, word := range m {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return trust.DigestOf(b)
}
