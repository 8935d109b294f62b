package trust

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrEnvelope reports bytes that are not a well-formed envelope.
var ErrEnvelope = errors.New("trust: not an envelope")

const (
	maxSignatures  = 16
	maxPayloadType = 128
	sigSize        = 64
	maxSigSize     = 144 // ECDSA in ASN.1 DER
	maxCredential  = 32 << 10
)

// Envelope is a parsed DSSE envelope. Parsing verifies nothing.
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signatures  []Signature

	room [1]Signature // of almost every envelope's Signatures
}

// Signature is one signature of an envelope.
type Signature struct {
	KeyID      KeyID
	Sig        []byte
	Credential []byte // a Credential envelope; empty on the ledger

	rawID []byte // KeyID as it was read
}

// PAE is the pre-authentication encoding of DSSE v1: unambiguous, so no two
// pairs of type and payload share it.
func PAE(payloadType string, payload []byte) []byte {
	return appendPAE(make([]byte, 0, len("DSSEv1")+len(payloadType)+len(payload)+24), payloadType, payload)
}

func appendPAE(b []byte, payloadType string, payload []byte) []byte {
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Seal signs payload with every key, in order, and serializes the envelope.
func Seal(payloadType string, payload []byte, keys ...*SigningKey) ([]byte, error) {
	return seal(payloadType, payload, nil, keys...)
}

// SealIntroduced is Seal for readers that do not follow the ledger: the
// signature carries the signer's Credential envelope.
func SealIntroduced(payloadType string, payload, credential []byte, key *SigningKey) ([]byte, error) {
	return seal(payloadType, payload, credential, key)
}

func seal(payloadType string, payload, credential []byte, keys ...*SigningKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("trust: an envelope needs at least one signing key")
	}
	message := PAE(payloadType, payload)
	env := &pb.Envelope{PayloadType: payloadType, Payload: payload}
	for _, k := range keys {
		id := k.ID()
		env.Signatures = append(env.Signatures, &pb.Signature{KeyId: id[:], Sig: k.Sign(message), Credential: credential})
	}
	return marshalEnvelope(env)
}

// AddSignature appends one more signature over the same payload, for records
// that several people sign one after the other.
func AddSignature(data []byte, key *SigningKey) ([]byte, error) {
	var env pb.Envelope
	if err := schemas.DecodeUnchecked(data, schemas.MaxEnvelope, &env); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	id := key.ID()
	env.Signatures = append(env.Signatures, &pb.Signature{KeyId: id[:], Sig: key.Sign(PAE(env.GetPayloadType(), env.GetPayload()))})
	return marshalEnvelope(&env)
}

func marshalEnvelope(env *pb.Envelope) ([]byte, error) {
	if err := checkEnvelope(asRead(env)); err != nil {
		return nil, err
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(env)
	if err != nil {
		return nil, fmt.Errorf("trust: serializing an envelope: %w", err)
	}
	return data, nil
}

// ParseEnvelope reads an envelope strictly: no unknown field, every size within
// its bound. It verifies no signature. The envelope shares the data's memory.
func ParseEnvelope(data []byte) (*Envelope, error) {
	env, err := readEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if err := checkEnvelope(env); err != nil {
		return nil, err
	}
	return env, nil
}

// asRead is an envelope that was made here as readEnvelope would read it.
func asRead(p *pb.Envelope) *Envelope {
	env := &Envelope{PayloadType: p.GetPayloadType(), Payload: p.GetPayload()}
	for _, s := range p.GetSignatures() {
		env.Signatures = append(env.Signatures, Signature{KeyID: DigestIn(s.GetKeyId()), Sig: s.GetSig(), Credential: s.GetCredential(), rawID: s.GetKeyId()})
	}
	return env
}

// checkEnvelope holds the schema's rules for Envelope and Signature in a form
// that costs nothing; a test compares it with protovalidate.
func checkEnvelope(env *Envelope) error {
	if n := utf8.RuneCountInString(env.PayloadType); n < 1 || n > maxPayloadType {
		return fmt.Errorf("%w: payload_type has %d characters, not 1 to %d", ErrEnvelope, n, maxPayloadType)
	}
	if n := len(env.Payload); n < 1 || n > schemas.MaxPayload {
		return fmt.Errorf("%w: payload has %d bytes, not 1 to %d", ErrEnvelope, n, schemas.MaxPayload)
	}
	if n := len(env.Signatures); n < 1 || n > maxSignatures {
		return fmt.Errorf("%w: %d signatures, not 1 to %d", ErrEnvelope, n, maxSignatures)
	}
	for i, s := range env.Signatures {
		if len(s.rawID) != len(KeyID{}) || len(s.Sig) < sigSize || len(s.Sig) > maxSigSize || len(s.Credential) > maxCredential {
			return fmt.Errorf("%w: signature %d: key_id, sig or credential has a wrong size", ErrEnvelope, i)
		}
	}
	return nil
}

// VerifiedBy reports whether signature i is the key's and verifies.
func (e *Envelope) VerifiedBy(i int, key PublicKey) bool {
	if i >= len(e.Signatures) || e.Signatures[i].KeyID != key.ID() {
		return false
	}
	var room [1024]byte // of almost every envelope that holds one item
	return key.Verify(appendPAE(room[:0], e.PayloadType, e.Payload), e.Signatures[i].Sig)
}

// Signers returns the distinct keys among candidates whose signature on the
// envelope verifies. Thresholds count its members: key ids are unauthenticated
// and one key may sign twice, but it counts once.
func (e *Envelope) Signers(candidates map[KeyID]PublicKey) map[KeyID]PublicKey {
	found := make(map[KeyID]PublicKey, len(e.Signatures))
	for i, s := range e.Signatures {
		key, known := candidates[s.KeyID]
		if known && e.VerifiedBy(i, key) {
			found[key.ID()] = key
		}
	}
	return found
}
