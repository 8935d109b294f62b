package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// An export is a line of text and then frames: one byte that says which, the
// length of the body in four bytes, and the body. Every integer is big-endian.
const (
	magic     = "portcullis export 1\n"
	frameHead = 1 + 4
)

// FrameKind is a kind of frame: the byte that a frame begins with.
type FrameKind byte

// The frames. A header comes first and once, a trailer last and once.
const (
	FrameHeader     FrameKind = 'H'
	FramePrefix     FrameKind = 'P' // a record before the first position, on which the rest stands
	FrameRecord     FrameKind = 'R'
	FrameCheckpoint FrameKind = 'C' // behind the record at its size
	FrameTrailer    FrameKind = 'E'
)

// Sizes of bodies, in bytes.
const (
	recordHead  = 8 + 8 + 1 + 2
	maxSubject  = 4 << 10 // a broker's control line has no more
	maxData     = schemas.MaxEnvelope + 1<<10
	maxRecord   = recordHead + maxSubject + maxData
	headerFixed = 1 + len(trust.Digest{}) + len(trust.Digest{}) + 8 + 8
	maxHeader   = headerFixed + 1 + maxName + 1 + maxName
	maxName     = 255
	trailerSize = 8 + 8 + len(trust.Digest{})
)

// most is how large a frame's body may be; 0 for what is no frame.
func (k FrameKind) most() int {
	switch k {
	case FrameHeader:
		return maxHeader
	case FramePrefix, FrameRecord:
		return maxRecord
	case FrameCheckpoint:
		return lineage.MaxNote
	case FrameTrailer:
		return trailerSize
	}
	return 0
}

// Extent is how much of a ledger an export holds. The zero value is none.
type Extent byte

// The extents.
const (
	Whole   Extent = 1 // from position 1 to the newest record there was
	Range   Extent = 2 // a part, with governance and credentials before it as prefix frames
	Segment Extent = 3 // a part that continues another file, without prefix frames
)

func (e Extent) String() string {
	switch e {
	case Whole:
		return "whole ledger"
	case Range:
		return "range"
	case Segment:
		return "segment"
	}
	return fmt.Sprintf("Extent(%d)", byte(e))
}

// Header says what an export is of. Nothing in it is authentic: an audit compares
// it with what the records prove.
type Header struct {
	Extent      Extent
	Ledger      trust.Digest // of genesis
	TrustDomain string
	Zone        string
	First       uint64       // position of the first record frame
	Made        time.Time    // informative; zero if it is not said
	Previous    trust.Digest // of the whole file that a segment continues; zero for all others
}

func (h Header) check() error {
	switch {
	case h.Extent < Whole || h.Extent > Segment:
		return fmt.Errorf("extent %d is none", byte(h.Extent))
	case h.Ledger.IsZero():
		return errors.New("it names no ledger")
	case h.First == 0 || h.Extent == Whole && h.First != 1:
		return fmt.Errorf("a %s begins at position %d", h.Extent, h.First)
	case h.TrustDomain == "" || len(h.TrustDomain) > maxName || h.Zone == "" || len(h.Zone) > maxName:
		return errors.New("trust domain and zone have 1 to 255 bytes each")
	case h.Previous.IsZero() == (h.Extent == Segment && h.First > 1):
		return errors.New("a segment behind position 1 names the file before it, and nothing else does")
	}
	return nil
}

func (h Header) body() []byte {
	b := append(make([]byte, 0, maxHeader), byte(h.Extent))
	b = append(b, h.Ledger[:]...)
	b = append(b, h.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, h.First)
	b = binary.BigEndian.AppendUint64(b, nanos(h.Made))
	for _, name := range []string{h.TrustDomain, h.Zone} {
		b = append(append(b, byte(len(name))), name...) //nolint:gosec // Header.check bounds it
	}
	return b
}

func parseHeader(b []byte) (Header, error) {
	if len(b) < headerFixed {
		return Header{}, errors.New("the header is too short")
	}
	h := Header{Extent: Extent(b[0]), Ledger: trust.DigestIn(b[1:33]), Previous: trust.DigestIn(b[33:65])}
	h.First, h.Made = binary.BigEndian.Uint64(b[65:]), atNanos(binary.BigEndian.Uint64(b[73:]))
	rest := b[headerFixed:]
	for _, name := range []*string{&h.TrustDomain, &h.Zone} {
		if len(rest) == 0 || len(rest) <= int(rest[0]) {
			return Header{}, errors.New("the header's names do not fit into it")
		}
		*name, rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	if len(rest) > 0 {
		return Header{}, errors.New("bytes follow the header's names")
	}
	return h, h.check()
}

// Frame is a record or a checkpoint of an export.
type Frame struct {
	Kind FrameKind  // FramePrefix, FrameRecord or FrameCheckpoint
	Raw  ledger.Raw // of a record; without subject and time if it came with headers of its own
	Note []byte     // of a checkpoint: the signed note
	End  int64      // read only: how many bytes of the export, or of the archive, end with it
}

// foreign reports whether a record was published with headers of its own: its
// subject and time cannot be told from forged ones.
func foreign(raw ledger.Raw) bool { return raw.Subject == "" && raw.Time.IsZero() }

const flagForeign = 1

func (f Frame) check() error {
	switch {
	case f.Kind == FrameCheckpoint:
		if n := len(f.Note); n == 0 || n > lineage.MaxNote {
			return fmt.Errorf("a checkpoint of %d bytes; it has 1 to %d", n, lineage.MaxNote)
		}
		return nil
	case f.Kind != FrameRecord && f.Kind != FramePrefix:
		return fmt.Errorf("frame %q stands where a record or a checkpoint may", byte(f.Kind))
	case f.Raw.Seq == 0:
		return errors.New("a record without a position; positions start at 1")
	case !foreign(f.Raw) && (f.Raw.Subject == "" || nanos(f.Raw.Time) == 0):
		return fmt.Errorf("record %d has one of subject and time without the other", f.Raw.Seq)
	case len(f.Raw.Subject) > maxSubject || len(f.Raw.Data) > maxData:
		return fmt.Errorf("record %d has a subject of %d bytes and %d bytes of data; at most %d and %d are kept", f.Raw.Seq, len(f.Raw.Subject), len(f.Raw.Data), maxSubject, maxData)
	}
	return nil
}

// recordHeadOf is the part of a record's body before its data.
func recordHeadOf(raw ledger.Raw) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, recordHead+len(raw.Subject)), raw.Seq)
	b = binary.BigEndian.AppendUint64(b, nanos(raw.Time))
	flags := byte(0)
	if foreign(raw) {
		flags = flagForeign
	}
	b = binary.BigEndian.AppendUint16(append(b, flags), uint16(len(raw.Subject))) //nolint:gosec // Frame.check bounds it
	return append(b, raw.Subject...)
}

// parseFrame reads a frame's body, which it keeps. Accepted, it is written back
// byte for byte.
func parseFrame(kind FrameKind, body []byte) (Frame, error) {
	f := Frame{Kind: kind}
	switch {
	case kind == FrameCheckpoint:
		f.Note = body
		return f, f.check()
	case kind != FrameRecord && kind != FramePrefix:
		return Frame{}, f.check()
	case len(body) < recordHead:
		return Frame{}, fmt.Errorf("a record of %d bytes", len(body))
	}
	f.Raw.Seq, f.Raw.Time = binary.BigEndian.Uint64(body), atNanos(binary.BigEndian.Uint64(body[8:]))
	subject := int(binary.BigEndian.Uint16(body[17:]))
	if len(body) < recordHead+subject {
		return Frame{}, fmt.Errorf("record %d is shorter than its subject", f.Raw.Seq)
	}
	f.Raw.Subject, f.Raw.Data = string(body[recordHead:recordHead+subject]), body[recordHead+subject:]
	if flags := body[16]; flags > flagForeign || (flags == flagForeign) != foreign(f.Raw) {
		return Frame{}, fmt.Errorf("record %d has flags %d", f.Raw.Seq, flags)
	}
	return f, f.check()
}

// nanos is a time as exports hold it: Unix nanoseconds, 0 for none.
func nanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixNano())
}

func atNanos(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC() //nolint:gosec // as nanos wrote it
}

// order is what stands where in an export. Writers and readers share it.
type order struct {
	header Header
	count  uint64 // of record frames
	last   uint64 // position of the newest record frame; 0 before the first
}

// take refuses a frame that may not stand behind those before it. Whether
// positions follow each other is for an audit to judge, which can say more of it.
func (o *order) take(f Frame) error {
	switch {
	case f.Kind == FramePrefix && (o.header.Extent != Range || o.count > 0 || f.Raw.Seq >= o.header.First):
		return fmt.Errorf("record %d cannot be a prefix here: only a range has one, of what stands before its first position, %d", f.Raw.Seq, o.header.First)
	case f.Kind == FrameCheckpoint && o.count == 0:
		return errors.New("a checkpoint before the first record")
	case f.Kind == FrameRecord:
		o.count, o.last = o.count+1, f.Raw.Seq
	}
	return nil
}
