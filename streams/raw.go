package streams

import (
	"bytes"
	"time"
)

// Raw is one record as the stream holds it. Nothing about it is verified but
// its position, which the broker gave.
type Raw struct {
	Seq     uint64    // position in the stream, from 1
	Time    time.Time // when the broker stored it, UTC
	Subject string
	Data    []byte

	// Foreign marks a record that was published with message headers of its
	// own. The protocol's records have none, so it is noise wherever it
	// stands. Its subject and time cannot be told from forged ones and are
	// left empty, for every reader alike.
	Foreign bool
}

// same reports whether two reads of a position gave the same record.
func (r Raw) same(o Raw) bool {
	return r.Seq == o.Seq && r.Foreign == o.Foreign && r.Time.Equal(o.Time) && r.Subject == o.Subject && bytes.Equal(r.Data, o.Data)
}
