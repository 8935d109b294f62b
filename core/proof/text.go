package proof

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// The types of this file give each value of a proof file exactly one spelling in
// JSON, a string: what they read, they write back byte for byte.

// Digest is a SHA-256, as 64 lower-case hexadecimal digits.
type Digest trust.Digest

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(trust.Digest(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := trust.ParseDigest(string(text))
	*d = Digest(parsed)
	return canonical(text, *d, err)
}

// Bytes are bytes in standard base64 with padding (RFC 4648, section 4).
type Bytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return base64.StdEncoding.AppendEncode(nil, b), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	decoded, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	*b = decoded
	return canonical(text, *b, err) // the decoder passes over line breaks
}

// Hash is a hash of the tree, in standard base64, as checkpoints write it.
type Hash lineage.Hash

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return Bytes(h[:]).MarshalText() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	var b Bytes
	if err := b.UnmarshalText(text); err != nil {
		return err
	}
	if len(b) != len(h) {
		return fmt.Errorf("a hash of %d bytes; it has %d", len(b), len(h))
	}
	copy(h[:], b)
	return nil
}

// Nanos is a point in time, as the decimal number of nanoseconds since the Unix
// epoch: more than a JSON number holds everywhere.
type Nanos int64

// NanosOf is a time; its nanoseconds must fit, which every broker's do.
func NanosOf(t time.Time) Nanos { return Nanos(t.UnixNano()) }

// Time is the point in time, UTC.
func (n Nanos) Time() time.Time { return time.Unix(0, int64(n)).UTC() }

// MarshalText implements encoding.TextMarshaler.
func (n Nanos) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(n), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Nanos) UnmarshalText(text []byte) error {
	parsed, err := strconv.ParseInt(string(text), 10, 64)
	*n = Nanos(parsed)
	if err == nil && parsed <= 0 {
		return fmt.Errorf("the time %.40q; it is after 1970", text)
	}
	return canonical(text, *n, err)
}

// Position is where an item stands: "seq.index".
type Position ledger.Position

func (p Position) String() string { return ledger.Position(p).String() }

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Position) UnmarshalText(text []byte) error {
	parsed, err := ledger.ParsePosition(string(text))
	*p = Position(parsed)
	return canonical(text, *p, err)
}

// canonical refuses a second spelling of a value.
func canonical(text []byte, value interface{ MarshalText() ([]byte, error) }, err error) error {
	if err != nil {
		return err
	}
	if again, err := value.MarshalText(); err != nil || string(again) != string(text) {
		return fmt.Errorf("%.80q is not in its one spelling, %.80q", text, again)
	}
	return nil
}
