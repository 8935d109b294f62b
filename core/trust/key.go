package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// DigestOf is the SHA-256 of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// DigestFrom copies a 32-byte slice; ok is false for other lengths.
func DigestFrom(b []byte) (d Digest, ok bool) {
	if len(b) != len(d) {
		return Digest{}, false
	}
	copy(d[:], b)
	return d, true
}

// DigestIn is DigestFrom for records, whose rules fix the length: other lengths
// are the zero digest, which names nothing.
func DigestIn(b []byte) Digest {
	d, _ := DigestFrom(b)
	return d
}

// IsZero reports whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// String is lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the first eight hexadecimal digits, for people.
func (d Digest) Short() string { return hex.EncodeToString(d[:4]) }

// ParseDigest is the inverse of String.
func ParseDigest(s string) (Digest, error) {
	b, err := hex.DecodeString(s)
	d, ok := DigestFrom(b)
	if err != nil || !ok {
		return Digest{}, fmt.Errorf("trust: %.80q is not a SHA-256 in hexadecimal (64 digits)", s)
	}
	return d, nil
}

// KeyID names an Ed25519 public key: the SHA-256 of its 32 raw bytes. It binds
// the key, so a signature may be checked against the key that an id stands for
// wherever that key was learned.
type KeyID = Digest

// PublicKey is an Ed25519 public key (RFC 8032). The zero value verifies nothing.
type PublicKey struct {
	raw [ed25519.PublicKeySize]byte
	id  KeyID // of raw; readers ask for it with every record
}

// NewPublicKey copies a raw 32-byte public key.
func NewPublicKey(raw []byte) (PublicKey, error) {
	var k PublicKey
	if len(raw) != len(k.raw) {
		return PublicKey{}, fmt.Errorf("trust: an Ed25519 public key has %d bytes, not %d", len(k.raw), len(raw))
	}
	copy(k.raw[:], raw)
	k.id = DigestOf(raw)
	return k, nil
}

// ID is the key's id; that of the zero value names no key.
func (k PublicKey) ID() KeyID { return k.id }

// Bytes returns a copy of the raw key.
func (k PublicKey) Bytes() []byte { return append([]byte(nil), k.raw[:]...) }

// Verify reports whether sig is the key's signature of message, by the standard
// library's rule.
func (k PublicKey) Verify(message, sig []byte) bool {
	if k == (PublicKey{}) || len(sig) != ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(k.raw[:], message, sig)
}

// SigningKey is an Ed25519 key pair. The zero value is unusable; see
// GenerateKey and ParseSigningKey.
type SigningKey struct {
	private ed25519.PrivateKey
	public  PublicKey
	id      KeyID
}

// GenerateKey makes a signing key from the operating system's randomness.
func GenerateKey() (*SigningKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("trust: no randomness for a key: %w", err)
	}
	return newSigningKey(private)
}

// SigningKeyFromSeedInsecure makes the same key for the same 32-byte seed, for
// tests that need stable bytes.
func SigningKeyFromSeedInsecure(seed Digest) *SigningKey {
	k, err := newSigningKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err) // unreachable: the seed's size is part of its type
	}
	return k
}

func newSigningKey(private ed25519.PrivateKey) (*SigningKey, error) {
	raw, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("trust: an Ed25519 key has no public half")
	}
	public, err := NewPublicKey(raw)
	if err != nil {
		return nil, err
	}
	return &SigningKey{private: private, public: public, id: public.ID()}, nil
}

// Public returns the public half.
func (k *SigningKey) Public() PublicKey { return k.public }

// ID is the public half's id.
func (k *SigningKey) ID() KeyID { return k.id }

// Sign signs message (RFC 8032, deterministic).
func (k *SigningKey) Sign(message []byte) []byte { return ed25519.Sign(k.private, message) }

const pemType = "PRIVATE KEY"

// MarshalPEM is the key as PKCS #8 in PEM (RFC 5958, RFC 7468). Keep it secret.
func (k *SigningKey) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("trust: encoding a signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// ParseSigningKey reads exactly one PKCS #8 PEM block with an Ed25519 key.
func ParseSigningKey(text []byte) (*SigningKey, error) {
	key, err := ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("trust: the PEM block holds a %T; a signing key is Ed25519", key)
	}
	return newSigningKey(private)
}

// ParsePrivateKey reads exactly one PKCS #8 PEM block of any key type, for the
// keys of SVIDs and issuers.
func ParsePrivateKey(text []byte) (any, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(block.Headers) > 0 {
		return nil, errors.New("trust: no plain PEM block of type PRIVATE KEY (PKCS #8); make one with: portcullis keys new")
	}
	begin := []byte("-----BEGIN ") // the decoder passes over what stands before a block, broken blocks too
	if len(rest) > 0 || !bytes.HasPrefix(text, begin) || bytes.Count(text, begin) != 1 {
		return nil, errors.New("trust: bytes before or after the PEM block; keep one key in a file and nothing else")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("trust: the PEM block is not PKCS #8: %w", err)
	}
	return key, nil
}
