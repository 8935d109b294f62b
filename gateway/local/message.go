package local

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Format is the version of the protocol. Both ends refuse every other.
const Format = 1

// MaxLine bounds one message, in bytes without the newline: an intent, and room for
// what stands around it.
const MaxLine = schemas.MaxIntent + 16<<10

const (
	maxName = 256  // bytes of a key or a session
	maxNote = 2048 // bytes of words for people
)

// Message is one line. Exactly one of its bodies is set.
type Message struct {
	Format int `json:"format"`

	// From a client. An Ask or a Report comes first, a Report may follow an Ask.
	Ask    *Ask    `json:"ask,omitzero"`
	Report *Report `json:"report,omitzero"`

	// From a service.
	Wait     *Wait     `json:"wait,omitzero"`     // people are asked
	Go       *Go       `json:"go,omitzero"`       // act now
	Refused  *Refused  `json:"refused,omitzero"`  // nothing is to be done
	Stop     *Stop     `json:"stop,omitzero"`     // end what was started
	Recorded *Recorded `json:"recorded,omitzero"` // what the ledger holds of the act
}

// Ask asks for one act.
type Ask struct {
	Key         string         `json:"key"`     // names the act; a service accepts each once
	Session     string         `json:"session"` // acts of one session are decided in order
	Tool        string         `json:"tool"`
	Resource    string         `json:"resource"`
	Arguments   jsontext.Value `json:"arguments"` // an object
	TraceParent string         `json:"trace_parent,omitzero"`
	TraceState  string         `json:"trace_state,omitzero"`
	// Detached: the connection may end once Go was read, and the report comes over
	// another, which names the key. Otherwise the end of the connection is the end
	// of what is known about the act.
	Detached bool `json:"detached,omitzero"`
}

// Status is how an act ended, as its client says.
type Status string

// What a client may say.
const (
	StatusDone       Status = "done"
	StatusFailed     Status = "failed"      // it ended, and not well
	StatusNotStarted Status = "not_started" // nothing was done
	StatusStopped    Status = "stopped"     // it was ended before its end
	StatusUnknown    Status = "unknown"     // nobody can tell
)

func (s Status) known() bool {
	switch s {
	case StatusDone, StatusFailed, StatusNotStarted, StatusStopped, StatusUnknown:
		return true
	default:
		return false
	}
}

// Report says what came of an act.
type Report struct {
	Key    string         `json:"key"`
	Status Status         `json:"status"`
	Result jsontext.Value `json:"result,omitzero"` // of one that is done: its SHA-256 goes into the outcome
	Note   string         `json:"note,omitzero"`   // for people
	// Arguments are those that the act really had, where they may be others than
	// were asked for: such an act was none that the permit was for.
	Arguments jsontext.Value `json:"arguments,omitzero"`
}

// Wait tells that the act waits for approvals.
type Wait struct {
	Text string `json:"text"`
}

// Go is the permit's word to its client: act now, once.
type Go struct {
	Intent   string    `json:"intent"`
	Claim    string    `json:"claim"` // "sequence.index"
	Deadline time.Time `json:"deadline"`
	Boot     int64     `json:"boot_ns"` // the machine's boot clock when it was said
}

// Refused says why nothing is to be done. Positions are "sequence.index"; what does
// not apply is left out.
type Refused struct {
	Text    string   `json:"text"`              // for people
	Denied  bool     `json:"denied,omitzero"`   // the ledger holds a DENY
	Pending bool     `json:"pending,omitzero"`  // nobody approved it in time
	Intent  string   `json:"intent,omitzero"`   // digest
	At      string   `json:"at,omitzero"`       // of the decision, or else of the outcome
	Reasons []string `json:"reasons,omitempty"` // codes, as docs/reasons.md lists them
}

// Stop tells to end what was started.
type Stop struct {
	Why string `json:"why"`
}

// Recorded is the outcome as it stands on the ledger.
type Recorded struct {
	Status string `json:"status"` // EXECUTED, FAILED, …; "" if the service did not learn it
	Intent string `json:"intent"`
	At     string `json:"at,omitzero"`
	Text   string `json:"text,omitzero"` // for people
}

// ErrMalformed reports a line that is no message of this protocol.
var ErrMalformed = errors.New("local: not a message of this protocol")

// Encode writes a message as one line without its newline.
func (m Message) encode() ([]byte, error) {
	m.Format = Format
	line, err := json.Marshal(m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("local: a message has no JSON form: %w", err)
	case len(line) > MaxLine:
		return nil, fmt.Errorf("local: a message of %d bytes; at most %d are accepted, so pass large data by reference", len(line), MaxLine)
	default:
		return line, nil
	}
}

// decode reads one line. Unknown members, members twice or in another case, invalid
// UTF-8 and bodies that are not exactly one are refused.
func decode(line []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(line, &m, json.RejectUnknownMembers(true)); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if m.Format != Format {
		return Message{}, fmt.Errorf("%w: format %d, and this end speaks %d; run one version of portcullis", ErrMalformed, m.Format, Format)
	}
	bodies := 0
	for _, there := range []bool{m.Ask != nil, m.Report != nil, m.Wait != nil, m.Go != nil, m.Refused != nil, m.Stop != nil, m.Recorded != nil} {
		if there {
			bodies++
		}
	}
	if bodies != 1 {
		return Message{}, fmt.Errorf("%w: %d bodies, and one is wanted", ErrMalformed, bodies)
	}
	return m, m.check()
}

func (m Message) check() error {
	switch {
	case m.Ask != nil:
		return m.Ask.check()
	case m.Report != nil:
		return m.Report.check()
	case m.Go != nil && (m.Go.Intent == "" || m.Go.Deadline.IsZero()):
		return fmt.Errorf("%w: a go without intent or deadline", ErrMalformed)
	default:
		return nil
	}
}

func (a *Ask) check() error {
	switch {
	case a.Key == "" || len(a.Key) > maxName || len(a.Session) > maxName:
		return fmt.Errorf("%w: key must have 1 to %d bytes, session no more", ErrMalformed, maxName)
	case a.Tool == "" || a.Arguments.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("%w: an ask needs a tool, and arguments that are an object", ErrMalformed)
	default:
		return nil
	}
}

func (r *Report) check() error {
	switch {
	case r.Key == "" || len(r.Key) > maxName || !r.Status.known() || len(r.Note) > maxNote:
		return fmt.Errorf("%w: a report needs a key of 1 to %d bytes, a known status, and a note of at most %d bytes", ErrMalformed, maxName, maxNote)
	case r.Arguments != nil && r.Arguments.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("%w: a report's arguments are no object", ErrMalformed)
	default:
		return nil
	}
}

// Note is words for people, fit to travel in a report: valid, and not long.
func Note(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxNote)], "")
}
