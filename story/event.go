package story

import (
	"encoding/json"
	"time"

	"github.com/portcullis-dev/portcullis/transcript"
)

// Event is something that happens while a story is told. Exactly one field is set.
type Event struct {
	Outline []Heading // comes first: all steps to come
	Begins  *Heading
	Record  *Record
}

// Heading is a step that has not been told yet.
type Heading struct {
	Number string `json:"step"`
	Title  string `json:"title"`
}

// Record is a message on the ledger that concerns a step.
type Record struct {
	Step string `json:"step"` // number of the step

	// Lines are what the ledger's readers make of it: verdicts, and rulings on claims,
	// by position. There is one for each item.
	Lines []transcript.Line `json:"lines"`

	Raw Raw `json:"raw"`
}

// Raw is a message as the broker holds it.
type Raw struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`    // when the broker stored it
	Subject string    `json:"subject"` // empty if the message had headers of its own
	Data    []byte    `json:"data"`    // the envelope; base64 in JSON
}

// MarshalJSON is a flat object whose "event" is outline, begins or record. Its form is
// stable, as that of Step is.
func (e Event) MarshalJSON() ([]byte, error) {
	switch {
	case e.Begins != nil:
		return json.Marshal(struct {
			Event string `json:"event"`
			*Heading
		}{"begins", e.Begins})
	case e.Record != nil:
		return json.Marshal(struct {
			Event string `json:"event"`
			*Record
		}{"record", e.Record})
	default:
		return json.Marshal(struct {
			Event string    `json:"event"`
			Steps []Heading `json:"steps"`
		}{"outline", e.Outline})
	}
}
