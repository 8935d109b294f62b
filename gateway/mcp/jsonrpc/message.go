package jsonrpc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Message is one message, as it was sent and taken apart. Fields share memory
// with Raw; nothing may be changed.
type Message struct {
	Raw    []byte
	ID     json.RawMessage // a string or a whole number; nil for notifications
	Method string          // empty for responses
	Params json.RawMessage // nil if there are none
	Result json.RawMessage // of a response
	Error  json.RawMessage // of a response, instead of Result
}

// IsRequest reports whether an answer is wanted.
func (m Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsNotification reports whether nobody wants an answer.
func (m Message) IsNotification() bool { return m.Method != "" && m.ID == nil }

// IsResponse reports whether it answers a request.
func (m Message) IsResponse() bool { return m.Method == "" && (m.Result != nil || m.Error != nil) }

// Readdressed is a response, byte for byte the same but for the request that it
// answers.
func (m Message) Readdressed(id json.RawMessage) []byte {
	member, body := "result", m.Result
	if m.Error != nil {
		member, body = "error", m.Error
	}
	return slices.Concat([]byte(`{"jsonrpc":"2.0","id":`), id, []byte(`,"`+member+`":`), body, []byte("}"))
}

// Limits of what is read.
const (
	MaxDepth  = 64  // arrays and objects inside each other
	maxID     = 256 // bytes of an id
	maxMethod = 128
)

// Parse takes one message apart. It refuses bytes beyond most, batches, invalid
// UTF-8, names that stand twice in one object, half surrogate pairs, deep nesting,
// members that JSON-RPC does not know, and whatever is no message. Errors are
// *Fault.
func Parse(raw []byte, most int) (Message, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > most {
		return Message{}, fault(CodeInvalidRequest, "the message has more than %d bytes", most)
	}
	if len(raw) > 0 && raw[0] == '[' {
		return Message{}, fault(CodeInvalidRequest, "batches are not accepted; send one message at a time")
	}
	members, err := Object(raw)
	if err != nil {
		return Message{}, err
	}
	m := Message{Raw: raw}
	if err := m.fill(members); err != nil {
		return Message{ID: usableID(members["id"])}, err
	}
	return m, nil
}

func (m *Message) fill(members map[string]json.RawMessage) error {
	for name, value := range members {
		switch name {
		case "jsonrpc":
		case "id":
			m.ID = value
		case "method":
			if m.Method, _ = Text(value); m.Method == "" || len(m.Method) > maxMethod {
				return fault(CodeInvalidRequest, "method is no text, is empty or is too long")
			}
		case "params":
			m.Params = value
		case "result":
			m.Result = value
		case "error":
			m.Error = value
		default:
			return fault(CodeInvalidRequest, "the member %.60q is none of JSON-RPC", name)
		}
	}
	if string(members["jsonrpc"]) != `"2.0"` {
		return fault(CodeInvalidRequest, `jsonrpc is not "2.0"`)
	}
	return m.check()
}

func (m *Message) check() error {
	answer := m.Result != nil || m.Error != nil
	switch {
	case m.Method == "" && !answer, m.Method != "" && answer, m.Result != nil && m.Error != nil:
		return fault(CodeInvalidRequest, "it is neither a request nor a notification nor a response")
	case m.Method == "" && m.Params != nil:
		return fault(CodeInvalidRequest, "a response has no params")
	case m.Params != nil && m.Params[0] != '{':
		return fault(CodeInvalidRequest, "params are no object")
	case answer && m.ID == nil:
		return fault(CodeInvalidRequest, "a response names no request")
	case m.Error != nil && string(m.ID) == "null": // about a request whose id could not be read
	case m.ID != nil && usableID(m.ID) == nil:
		return fault(CodeInvalidRequest, "id is neither a text nor a whole number")
	}
	return nil
}

// usableID is an id that two readers cannot take for different ones, else nil.
func usableID(id json.RawMessage) json.RawMessage {
	if len(id) == 0 || len(id) > maxID {
		return nil
	}
	if id[0] == '"' {
		return id
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(id) || n > maxWhole || n < -maxWhole {
		return nil
	}
	return id
}

// maxWhole is the largest whole number that every reader holds exactly.
const maxWhole = 1<<53 - 1

// Key is an id as a key of maps: equal ids have equal keys, however they are
// written.
func Key(id json.RawMessage) string {
	if text, ok := Text(id); ok {
		return "s" + text
	}
	return "n" + string(id)
}

// Side says which end answers a request: ids of requests of the two ends are equal
// by chance, and an answer of one end is none of the other.
type Side string

// The two ends.
const (
	FromServer Side = "server "
	FromClient Side = "client "
)

// Key is the key of an answer of that side.
func (s Side) Key(id json.RawMessage) string { return string(s) + Key(id) }
