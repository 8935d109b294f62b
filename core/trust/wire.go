package trust

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Envelopes and lists are around every record, and all their fields are bytes or
// text. They are read from the wire directly: a generated message would copy
// every field first. A test holds this to what protobuf reads. What is read
// shares its memory with the data, which must not change any more.

// fields calls each with every field of a message whose fields are all
// length-delimited. Any other wire type is that of an unknown field.
func fields(data []byte, each func(number protowire.Number, value []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("%w: %w", schemas.ErrMalformed, protowire.ParseError(n))
		}
		if kind != protowire.BytesType {
			return fmt.Errorf("%w: an unknown field %d", schemas.ErrMalformed, number)
		}
		value, m := protowire.ConsumeBytes(data[n:])
		if m < 0 {
			return fmt.Errorf("%w: field %d: %w", schemas.ErrMalformed, number, protowire.ParseError(m))
		}
		if err := each(number, slices.Clip(value)); err != nil {
			return err
		}
		data = data[n+m:]
	}
	return nil
}

func unknownField(number protowire.Number) error {
	return fmt.Errorf("%w: an unknown field %d", schemas.ErrMalformed, number)
}

func checkSize(data []byte, most int) error {
	if len(data) > most {
		return fmt.Errorf("%w: %d bytes, at most %d are accepted", schemas.ErrOversized, len(data), most)
	}
	return nil
}

// readEnvelope reads the fields of an Envelope. What protobuf would read twice,
// the last one counts.
func readEnvelope(data []byte) (*Envelope, error) {
	if err := checkSize(data, schemas.MaxEnvelope); err != nil {
		return nil, err
	}
	env := new(Envelope)
	env.Signatures = env.room[:0]
	err := fields(data, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			if !utf8.Valid(value) {
				return fmt.Errorf("%w: payload_type is not UTF-8", schemas.ErrMalformed)
			}
			env.PayloadType = typeName(value)
		case 2:
			env.Payload = value
		case 3:
			s, err := readSignature(value)
			if err != nil {
				return err
			}
			env.Signatures = append(env.Signatures, s)
		default:
			return unknownField(number)
		}
		return nil
	})
	return env, err
}

var typeNames = func() map[string]string {
	names := make(map[string]string)
	for _, k := range schemas.Kinds() {
		names[k.PayloadType] = k.PayloadType
	}
	return names
}()

// typeName is the text of a payload type; those of the protocol are not copied.
func typeName(b []byte) string {
	if known, ok := typeNames[string(b)]; ok {
		return known
	}
	return string(b)
}

// readSignature reads the fields of a Signature. A key id of another length than
// an id has stays zero; checkEnvelope refuses it.
func readSignature(data []byte) (Signature, error) {
	var s Signature
	err := fields(data, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			s.rawID, s.KeyID = value, DigestIn(value)
		case 2:
			s.Sig = value
		case 3:
			s.Credential = value
		default:
			return unknownField(number)
		}
		return nil
	})
	return s, err
}

// readList reads the fields of a List.
func readList(payload []byte) (ledger []byte, items [][]byte, err error) {
	if err := checkSize(payload, schemas.MaxPayload); err != nil {
		return nil, nil, err
	}
	err = fields(payload, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			ledger = value
		case 2:
			if len(items) == schemas.MaxItems {
				return fmt.Errorf("%w: more than %d items", schemas.ErrMalformed, schemas.MaxItems)
			}
			items = append(items, value)
		default:
			return unknownField(number)
		}
		return nil
	})
	return ledger, items, err
}
