package lineage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// ErrEntry reports bytes that are not a leaf's.
var ErrEntry = errors.New("lineage: not an entry of a ledger's tree")

// Hash is a hash of the tree: SHA-256 with the prefixes of RFC 6962.
type Hash = tlog.Hash

// Entry is what one position of the ledger is worth: enough to tell its record
// from any other, and small. The envelope itself travels beside it.
type Entry struct {
	Seq     uint64       // position in the ledger, from 1
	Time    time.Time    // the broker's; zero where it cannot be told from a forged one
	LogTime time.Time    // the running maximum of the broker's times up to here
	Subject string       // "" where it cannot be told from a forged one
	Data    trust.Digest // of the stored bytes, the envelope's
}

const (
	entryDomain = "portcullis/ledger-entry/v1\x00"

	// MaxSubject is the longest subject that an entry holds, in bytes.
	MaxSubject = 1 << 10
)

// Bytes is the entry as the tree's leaf: domain || seq || time || log time ||
// length of the subject || subject || digest. Integers are big-endian, 64 bits
// each; times are Unix nanoseconds, 0 for none. A longer subject than MaxSubject,
// which no record of the protocol has, is replaced by its SHA-256 in hexadecimal.
func (e Entry) Bytes() []byte { return e.append(nil) }

func (e Entry) append(b []byte) []byte {
	subject := e.Subject
	if len(subject) > MaxSubject {
		subject = trust.DigestOf([]byte(subject)).String()
	}
	b = slices.Grow(b, len(entryDomain)+4*8+len(subject)+len(e.Data))
	b = append(b, entryDomain...)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, nanos(e.Time))
	b = binary.BigEndian.AppendUint64(b, nanos(e.LogTime))
	b = binary.BigEndian.AppendUint64(b, uint64(len(subject)))
	b = append(b, subject...)
	return append(b, e.Data[:]...)
}

// Leaf is the entry's hash in the tree: SHA-256(0x00 || Bytes).
func (e Entry) Leaf() Hash {
	var room [256]byte // of every subject that the protocol has
	return tlog.RecordHash(e.append(room[:0]))
}

// ParseEntry is the inverse of Bytes, and strict: what it accepts, Bytes gives
// back byte for byte.
func ParseEntry(b []byte) (Entry, error) {
	const head = len(entryDomain) + 4*8
	if len(b) < head+len(trust.Digest{}) || string(b[:len(entryDomain)]) != entryDomain {
		return Entry{}, fmt.Errorf("%w: %d bytes without its beginning", ErrEntry, len(b))
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(b[len(entryDomain)+8*i:]) }
	rest := b[head:]
	if n := number(3); n > MaxSubject || n != uint64(len(rest)-len(trust.Digest{})) { //nolint:gosec // not negative: b is long enough
		return Entry{}, fmt.Errorf("%w: its subject has %d bytes by its length", ErrEntry, n)
	}
	subject := string(rest[:len(rest)-len(trust.Digest{})])
	e := Entry{Seq: number(0), Time: atNanos(number(1)), LogTime: atNanos(number(2)), Subject: subject, Data: trust.DigestIn(rest[len(subject):])}
	if e.Seq == 0 {
		return Entry{}, fmt.Errorf("%w: positions start at 1", ErrEntry)
	}
	return e, nil
}

func nanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixNano()) // two's complement, and back in atNanos
}

func atNanos(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC() //nolint:gosec // as nanos wrote it
}
