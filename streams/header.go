package streams

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// The broker names a record's position and time in message headers, behind
// whatever headers the publisher sent. A publisher can forge all of it: a
// blank line in the middle of its own header block ends the block for every
// client, so that the broker's lines behind it are never seen. Taking the last
// value of a header therefore proves nothing.
//
// What a publisher cannot do is make the block shorter. The client tells the
// size of the block as received, so we render what was parsed and compare
// sizes: equal means that the block holds the broker's lines and nothing else.
// Any other block belongs to a record that was published with headers of its
// own; the protocol's records have none, so it is noise, and its real position
// is found without headers (see fetch.go).

// Headers that the broker writes.
const (
	headerStream   = "Nats-Stream"
	headerSubject  = "Nats-Subject"
	headerSequence = "Nats-Sequence"
	headerTime     = "Nats-Time-Stamp"
	headerPrev     = "Nats-Last-Sequence" // in a batch: the position of the answer before; 0 in the first
	headerPending  = "Nats-Num-Pending"
	headerOrigin   = "Nats-Request-Info" // the account that a record came from
	headerStatus   = "Status"            // the client's name for the block's first line
	headerDescr    = "Description"
)

// receivedHeader is the size of m's header block in bytes, 0 if it has none.
func receivedHeader(m *nats.Msg) int {
	return m.Size() - len(m.Subject) - len(m.Reply) - len(m.Data)
}

// renderedHeader is the size that a block with exactly these values has when
// the broker writes it, or -1 for values that the broker does not write.
func renderedHeader(h nats.Header) int {
	size := len("NATS/1.0") + len("\r\n") + len("\r\n")
	for key, values := range h {
		if len(values) != 1 {
			return -1
		}
		switch key {
		case headerStatus, headerDescr:
			size += len(" ") + len(values[0])
		default:
			size += len(key) + len(": ") + len(values[0]) + len("\r\n")
		}
	}
	return size
}

// authentic reports whether the broker alone wrote the header block.
func authentic(m *nats.Msg) bool {
	size := receivedHeader(m)
	return size > 0 && m.Header != nil && size == renderedHeader(m.Header)
}

// status returns the code of a message that the broker wrote itself instead of
// a record, e.g. 204 or 404; 0 for any other message.
func status(m *nats.Msg) int {
	if len(m.Data) > 0 || !authentic(m) {
		return 0
	}
	code, err := strconv.Atoi(m.Header.Get(headerStatus))
	if err != nil {
		return 0
	}
	return code
}

// form is in which of two ways the broker sends a stored record. Their headers
// differ in one line; taking it in either would let a publisher who wrote that
// line be believed in one form and not in the other.
type form int

const (
	announcement form = iota
	batchAnswer
)

// has reports whether the header has the lines of the form and no others.
func (f form) has(h nats.Header) bool {
	for key := range h {
		switch key {
		case headerStream, headerSubject, headerSequence, headerTime, headerPrev, headerOrigin:
		case headerPending:
			if f != batchAnswer {
				return false
			}
		default:
			return false
		}
	}
	return f != batchAnswer || h.Get(headerPending) != ""
}

// recordOf reads a stored record from an announcement or a batch answer. Prev
// is the broker's Nats-Last-Sequence. It is false for a record that carries a
// publisher's headers and for everything that is no record of the stream.
func recordOf(m *nats.Msg, stream string, f form) (r Raw, prev uint64, ok bool) {
	if !authentic(m) || !f.has(m.Header) || m.Header.Get(headerStream) != stream {
		return Raw{}, 0, false
	}
	seq, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	if err != nil || seq == 0 {
		return Raw{}, 0, false
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(headerTime))
	if err != nil {
		return Raw{}, 0, false
	}
	prev, err = strconv.ParseUint(m.Header.Get(headerPrev), 10, 64)
	if err != nil {
		return Raw{}, 0, false
	}
	return Raw{Seq: seq, Time: at.UTC(), Subject: m.Header.Get(headerSubject), Data: m.Data}, prev, true
}
