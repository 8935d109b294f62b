package vectors_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"testing"
)

// signature is one row of ed25519.json.
type signature struct {
	About     string `json:"about"`
	Key       string `json:"key"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	OK        bool   `json:"ok"`
}

// TestSignatures: the standard library's answer in every corner where others say
// something else.
func TestSignatures(t *testing.T) {
	var rows []signature
	add := func(about string, key, message, sig []byte, want bool) {
		if got := ed25519.Verify(key, message, sig); got != want {
			t.Errorf("%s: %v", about, got)
		}
		rows = append(rows, signature{about, hex.EncodeToString(key), hex.EncodeToString(message), hex.EncodeToString(sig), want})
	}
	message := []byte("the gate holds")
	private := ed25519.NewKeyFromSeed(bytesOf("seed"))
	public := []byte(private[32:])
	honest := ed25519.Sign(private, message)
	identity := point{big.NewInt(0), big.NewInt(1)}
	one, beyond := identity.bytes(), spelled(new(big.Int).Add(prime, big.NewInt(1)), 0)
	minusZero := spelled(big.NewInt(1), 1)

	add("an honest signature", public, message, honest, true)
	add("of the empty message", public, nil, ed25519.Sign(private, nil), true)
	add("another message", public, []byte("the gate falls"), honest, false)
	add("one bit of R differs", public, message, flipped(honest, 3), false)
	add("one bit of S differs", public, message, flipped(honest, 40), false)
	add("S is spelled beyond the group's order", public, message, slices.Concat(honest[:32], little(new(big.Int).Add(number(honest[32:]), order))), false)
	add("a key that is no point", spelled(big.NewInt(2), 0), message, honest, false)
	add("the key is the neutral element, and so is R", one, message, slices.Concat(one, make([]byte, 32)), true)
	add("the same key, spelled with y beyond the prime", beyond, message, slices.Concat(one, make([]byte, 32)), true)
	add("the same key, spelled with minus zero", minusZero, message, slices.Concat(one, make([]byte, 32)), true)
	add("R is spelled with y beyond the prime", one, message, slices.Concat(beyond, make([]byte, 32)), false)
	add("R is spelled with minus zero", one, message, slices.Concat(minusZero, make([]byte, 32)), false)

	scalar, torsion := big.NewInt(7919), ofOrderEight()
	base := generator().times(scalar)
	add("R has a component of small order: right but for the cofactor", base.bytes(), message, crafted(scalar, big.NewInt(104729), torsion, base, message), false)
	mixed := base.plus(torsion)
	for i, seen := 0, [2]bool{}; !seen[0] || !seen[1]; i++ {
		text := fmt.Appendf(nil, "message %d", i)
		sig := crafted(scalar, big.NewInt(104729), identity, mixed, text)
		whole := new(big.Int).Mod(challenge(sig[:32], mixed.bytes(), text), big.NewInt(8)).Sign() == 0
		if which := b2i(whole); !seen[which] {
			seen[which] = true
			add(fmt.Sprintf("the key has a component of small order, which the challenge cancels: %v", whole), mixed.bytes(), text, sig, whole)
		}
	}
	vectors(t, "ed25519.json", rows)
}

// crafted signs with r and a scalar for a key, adding a point to R.
func crafted(scalar, r *big.Int, added, key point, message []byte) []byte {
	commitment := generator().times(r).plus(added).bytes()
	s := new(big.Int).Mul(challenge(commitment, key.bytes(), message), scalar)
	return slices.Concat(commitment, little(s.Mod(s.Add(s, r), order)))
}

func challenge(r, key, message []byte) *big.Int {
	h := sha512.Sum512(slices.Concat(r, key, message))
	return new(big.Int).Mod(number(h[:]), order)
}

func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
