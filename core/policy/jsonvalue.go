package policy

import (
	"errors"
	"fmt"
	"strings"
)

// maxJSONDepth bounds arrays and objects inside each other in one JSON value.
const maxJSONDepth = 64

// value consumes any JSON value and returns its text in one spelling: no space,
// strings with the fewest escapes, members and numbers as they were written. So a
// policy that looks for a word finds it however the agent spelt it. Names that
// stand twice in an object are refused, for readers differ in which one counts.
func (r *reader) value() (string, error) {
	w := &jsonText{}
	for {
		if err := w.next(r); err != nil {
			return "", err
		}
		if len(w.open) == 0 {
			return w.text.String(), nil
		}
	}
}

// jsonText writes a value down again while it is read.
type jsonText struct {
	text strings.Builder
	open []jsonOpen // arrays and objects that are not closed yet
}

type jsonOpen struct {
	names  map[string]bool // nil for an array
	filled bool            // a member stands before
}

// next consumes one scalar, one opening or one closing sign, with what stands before it.
func (w *jsonText) next(r *reader) error {
	r.space()
	if len(w.open) > 0 {
		closed, err := w.member(r)
		if closed || err != nil {
			return err
		}
	}
	switch {
	case r.sign('['):
		return w.push('[', jsonOpen{})
	case r.sign('{'):
		return w.push('{', jsonOpen{names: map[string]bool{}})
	default:
		return w.scalar(r)
	}
}

// member consumes what stands before a member: a comma, and a name in an object.
// Or it consumes the sign that closes the innermost array or object.
func (w *jsonText) member(r *reader) (closed bool, err error) {
	top := &w.open[len(w.open)-1]
	closing := byte(']')
	if top.names != nil {
		closing = '}'
	}
	if r.pos < len(r.raw) && r.raw[r.pos] == closing {
		r.pos++ // and not the space behind it, which may follow the whole value
		w.text.WriteByte(closing)
		w.open = w.open[:len(w.open)-1]
		return true, nil
	}
	if top.filled {
		if !r.sign(',') {
			return false, errors.New("holds a member without a comma or a closing sign after it")
		}
		w.text.WriteByte(',')
	}
	top.filled = true
	if top.names == nil {
		return false, nil
	}
	name, err := r.text()
	switch {
	case err != nil:
		return false, fmt.Errorf("holds a name that %w", err)
	case top.names[name]:
		return false, fmt.Errorf("holds the name %.60q twice", name)
	case !r.sign(':'):
		return false, fmt.Errorf("holds the name %.60q without a colon", name)
	}
	top.names[name] = true
	w.quote(name)
	w.text.WriteByte(':')
	return false, nil
}

func (w *jsonText) push(sign byte, o jsonOpen) error {
	if len(w.open) == maxJSONDepth {
		return fmt.Errorf("nests deeper than %d", maxJSONDepth)
	}
	w.open = append(w.open, o)
	w.text.WriteByte(sign)
	return nil
}

func (w *jsonText) scalar(r *reader) error {
	switch kind := r.kind(); kind {
	case "a string":
		s, err := r.text()
		w.quote(s)
		return err
	case "a number":
		n, err := r.number()
		w.text.WriteString(n)
		return err
	}
	for _, word := range []string{"true", "false", "null"} {
		if r.word(word) {
			w.text.WriteString(word)
			return nil
		}
	}
	return fmt.Errorf("is or holds %s, and a JSON value is wanted", r.kind())
}

// quote writes a string with the escapes that it must have.
func (w *jsonText) quote(s string) {
	const hex = "0123456789abcdef"
	w.text.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.text.WriteByte('\\')
			w.text.WriteRune(c)
		case c < 0x20:
			w.text.WriteString(`\u00`)
			w.text.WriteByte(hex[c>>4])
			w.text.WriteByte(hex[c&15])
		default:
			w.text.WriteRune(c)
		}
	}
	w.text.WriteByte('"')
}

// number consumes a number of RFC 8259, of whatever size.
func (r *reader) number() (string, error) {
	start := r.pos
	r.word("-")
	whole := r.digits()
	leading := whole > 1 && r.raw[r.pos-whole] == '0'
	good := whole > 0 && !leading
	if good && r.word(".") {
		good = r.digits() > 0
	}
	if good && (r.word("e") || r.word("E")) {
		_ = r.word("+") || r.word("-")
		good = r.digits() > 0
	}
	if !good || r.pos-start > maxNumberBytes {
		return "", fmt.Errorf("holds a number that is not one of JSON, or longer than %d characters", maxNumberBytes)
	}
	return r.raw[start:r.pos], nil
}

const maxNumberBytes = 64

func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.raw) && r.raw[r.pos] >= '0' && r.raw[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}
