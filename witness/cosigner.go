package witness

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"filippo.io/mldsa"
	cosignature "github.com/transparency-dev/formats/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// Algorithm bytes of C2SP tlog-cosignature keys.
const (
	algEd25519 = 0x04
	algMLDSA44 = 0x06
)

// cosigner is one key of a witness. It may be shared.
type cosigner struct {
	name     string
	hash     [4]byte
	verifier string // C2SP verifier key
	secret   string // the key's text, as the library and other witnesses read it
	sign     func(c lineage.Checkpoint, at uint64) ([]byte, error)
}

func newCosigner(name string, algorithm byte, seed, public []byte) *cosigner {
	hash := keyHash(name, algorithm, public)
	return &cosigner{
		name: name, hash: hash,
		verifier: keyText(name, hash, algorithm, public),
		secret:   "PRIVATE+KEY+" + keyText(name, hash, algorithm, seed),
	}
}

func newEd25519(name string, seed []byte) (*cosigner, error) {
	private := ed25519.NewKeyFromSeed(seed)
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("witness: an Ed25519 key has no public half")
	}
	c := newCosigner(name, algEd25519, seed, public)
	// The library's signer takes the time from the clock; here it comes in.
	c.sign = func(of lineage.Checkpoint, at uint64) ([]byte, error) {
		return ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, of)), nil
	}
	return c, nil
}

func newMLDSA44(name string, seed []byte) (*cosigner, error) {
	private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		return nil, fmt.Errorf("witness: an ML-DSA-44 key: %w", err)
	}
	c := newCosigner(name, algMLDSA44, seed, private.PublicKey().Bytes())
	signer, err := cosignature.NewMLDSASigner(c.secret)
	if err != nil {
		return nil, fmt.Errorf("witness: an ML-DSA-44 key: %w", err)
	}
	c.sign = func(of lineage.Checkpoint, at uint64) ([]byte, error) {
		stamped, err := signer.SignSubtree(at, of.Origin, 0, of.Size, of.Root[:])
		if err != nil {
			return nil, fmt.Errorf("witness: signing with ML-DSA-44: %w", err)
		}
		return stamped[8:], nil // the time stands before it
	}
	return c, nil
}

// timed signs one checkpoint at one time; it implements note.Signer.
type timed struct {
	*cosigner
	checkpoint lineage.Checkpoint
	at         time.Time
}

// Name implements note.Signer.
func (s timed) Name() string { return s.name }

// KeyHash implements note.Signer.
func (s timed) KeyHash() uint32 { return binary.BigEndian.Uint32(s.hash[:]) }

// Sign implements note.Signer: the time in seconds, then the signature.
func (s timed) Sign([]byte) ([]byte, error) {
	seconds := s.at.Unix()
	if seconds <= 0 {
		return nil, fmt.Errorf("witness: the clock says %s; set it", s.at)
	}
	at := uint64(seconds)
	signature, err := s.sign(s.checkpoint, at)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, at), signature...), nil
}
