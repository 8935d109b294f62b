package trust

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Arguments are sealed with HPKE (RFC 9180) in base mode, in one shot:
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. What is sealed begins
// with random bytes, so that nobody can guess short arguments from the digest
// of it that stands in the clear.
const (
	sealingInfo  = "portcullis/sealed-arguments/v1"
	sealingNonce = 32 // random bytes before the arguments
)

// ErrSealed reports sealed arguments that the key at hand does not open, or
// that are not those whose digest the intent states.
var ErrSealed = errors.New("trust: sealed arguments")

// SealTo is the public half of a sealing key: who wants arguments to stay secret
// seals them to it. The zero value is no key. SealTo values are comparable: equal
// ones name the same key by the same id.
type SealTo struct {
	id  string
	raw [32]byte // X25519 (RFC 7748)
}

// NewSealTo is a release's sealing key.
func NewSealTo(k *pb.SealingKey) (SealTo, error) {
	to := SealTo{id: k.GetId()}
	if to.id == "" || len(k.GetPublicKey()) != len(to.raw) {
		return SealTo{}, fmt.Errorf("trust: a sealing key has an id and an X25519 public key of %d bytes; this one has id %q and %d bytes", len(to.raw), k.GetId(), len(k.GetPublicKey()))
	}
	copy(to.raw[:], k.GetPublicKey())
	return to, nil
}

// ID is the key's id in releases.
func (t SealTo) ID() string { return t.id }

// Proto is the key as a release lists it.
func (t SealTo) Proto() *pb.SealingKey {
	return &pb.SealingKey{Id: t.id, PublicKey: append([]byte(nil), t.raw[:]...)}
}

// SealingKey is a sealing key with its private half. It opens what was sealed to
// it; see GenerateSealingKey and ParseSealingKey.
type SealingKey struct {
	to      SealTo
	private *ecdh.PrivateKey
	opener  hpke.PrivateKey
}

// GenerateSealingKey makes a sealing key from the operating system's randomness.
func GenerateSealingKey(id string) (*SealingKey, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("trust: no randomness for a sealing key: %w", err)
	}
	return newSealingKey(id, private)
}

func newSealingKey(id string, private *ecdh.PrivateKey) (*SealingKey, error) {
	opener, err := hpke.NewDHKEMPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("trust: a sealing key: %w", err)
	}
	to, err := NewSealTo(&pb.SealingKey{Id: id, PublicKey: private.PublicKey().Bytes()})
	if err != nil {
		return nil, err
	}
	return &SealingKey{to: to, private: private, opener: opener}, nil
}

// SealTo is the public half.
func (k *SealingKey) SealTo() SealTo { return k.to }

// MarshalPEM is the private half as PKCS #8 in PEM (RFC 5958, RFC 8410). Keep it
// secret. The id is not in it: files are named by it.
func (k *SealingKey) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("trust: encoding a sealing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// ParseSealingKey reads exactly one PKCS #8 PEM block with an X25519 key, and
// gives it the id.
func ParseSealingKey(id string, text []byte) (*SealingKey, error) {
	key, err := ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdh.PrivateKey)
	if !ok || private.Curve() != ecdh.X25519() {
		return nil, fmt.Errorf("trust: the PEM block holds a %T; a sealing key is X25519; make one with: portcullis keys sealing new", key)
	}
	return newSealingKey(id, private)
}

// SealArguments seals arguments (a JSON object) for an agent's intent on a
// ledger. It sets the intent's sealed and arguments_digest and clears its
// arguments; agent and id must be set before, because the seal binds them.
func SealArguments(to SealTo, ledger Digest, in *pb.Intent, arguments []byte) error {
	if to == (SealTo{}) || ledger.IsZero() || in.GetAgent() == "" || len(in.GetId()) == 0 {
		return errors.New("trust: sealing arguments needs a key, the ledger, and the intent's agent and id")
	}
	public, err := ecdh.X25519().NewPublicKey(to.raw[:])
	if err != nil {
		return fmt.Errorf("trust: sealing key %s: %w", to.id, err)
	}
	recipient, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return fmt.Errorf("trust: sealing key %s: %w", to.id, err)
	}
	plain := make([]byte, sealingNonce, sealingNonce+len(arguments))
	if _, err := rand.Read(plain); err != nil {
		return fmt.Errorf("trust: no randomness for sealed arguments: %w", err)
	}
	plain = append(plain, arguments...)
	data, err := hpke.Seal(recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), sealingInfoOf(ledger, in), plain)
	if err != nil {
		return fmt.Errorf("trust: sealing arguments to %s: %w", to.id, err)
	}
	digest := DigestOf(plain)
	in.Arguments, in.ArgumentsDigest, in.Sealed = nil, digest[:], &pb.Sealed{Key: to.id, Data: data}
	return nil
}

// Open is the arguments of an intent that was sealed to the key for this ledger.
// Whoever has the key finds the same: the error, which wraps ErrSealed, does not
// depend on who asks.
func (k *SealingKey) Open(ledger Digest, in *pb.Intent) ([]byte, error) {
	if in.GetSealed().GetKey() != k.to.id {
		return nil, fmt.Errorf("%w: sealed to %q, the key is %q", ErrSealed, in.GetSealed().GetKey(), k.to.id)
	}
	plain, err := hpke.Open(k.opener, hpke.HKDFSHA256(), hpke.AES256GCM(), sealingInfoOf(ledger, in), in.GetSealed().GetData())
	if err != nil {
		return nil, fmt.Errorf("%w: key %s does not open them", ErrSealed, k.to.id)
	}
	if digest, ok := DigestFrom(in.GetArgumentsDigest()); !ok || digest != DigestOf(plain) {
		return nil, fmt.Errorf("%w: what was sealed to %s has another digest than the intent states", ErrSealed, k.to.id)
	}
	if len(plain) <= sealingNonce {
		return nil, fmt.Errorf("%w: nothing was sealed to %s", ErrSealed, k.to.id)
	}
	return plain[sealingNonce:], nil
}

// sealingInfoOf binds a seal to one intent of one agent on one ledger. Digest and
// id have fixed lengths and a SPIFFE ID has no zero byte, so no two intents share it.
func sealingInfoOf(ledger Digest, in *pb.Intent) []byte {
	info := make([]byte, 0, len(sealingInfo)+len(ledger)+len(in.GetAgent())+len(in.GetId())+2)
	info = append(append(info, sealingInfo...), 0)
	info = append(info, ledger[:]...)
	info = append(append(info, in.GetAgent()...), 0)
	return append(info, in.GetId()...)
}
