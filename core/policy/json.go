package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reader reads JSON (RFC 8259) strictly: no trailing comma, no leading zero, no
// control character in a string, no lone surrogate. It never recurses.
type reader struct {
	raw string
	pos int
}

var errEnd = errors.New("ends too early")

func (r *reader) space() {
	for r.pos < len(r.raw) {
		switch r.raw[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// sign consumes c and the space around it, if c comes next.
func (r *reader) sign(c byte) bool {
	r.space()
	if r.pos >= len(r.raw) || r.raw[r.pos] != c {
		return false
	}
	r.pos++
	r.space()
	return true
}

// word consumes w if it comes next.
func (r *reader) word(w string) bool {
	if !strings.HasPrefix(r.raw[r.pos:], w) {
		return false
	}
	r.pos += len(w)
	return true
}

// kind names what comes next, for messages.
func (r *reader) kind() string {
	if r.pos >= len(r.raw) {
		return "nothing"
	}
	switch c := r.raw[r.pos]; {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a bool"
	case c == 'n':
		return "null"
	case c == '-' || (c >= '0' && c <= '9'):
		return "a number"
	}
	return "not JSON"
}

// text consumes a string.
func (r *reader) text() (string, error) {
	if r.pos >= len(r.raw) || r.raw[r.pos] != '"' {
		return "", fmt.Errorf("is %s, and a string is wanted", r.kind())
	}
	r.pos++
	start := r.pos
	for r.pos < len(r.raw) {
		switch c := r.raw[r.pos]; {
		case c == '"':
			r.pos++
			return r.raw[start : r.pos-1], nil
		case c == '\\':
			return r.escaped(r.raw[start:r.pos])
		case c < 0x20:
			return "", errors.New("holds a raw control character; escape it")
		}
		r.pos++
	}
	return "", errEnd
}

// escaped consumes the rest of a string that has an escape; head precedes it.
func (r *reader) escaped(head string) (string, error) {
	out := []byte(head)
	for r.pos < len(r.raw) {
		switch c := r.raw[r.pos]; {
		case c == '"':
			r.pos++
			return string(out), nil
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, char)
		case c < 0x20:
			return "", errors.New("holds a raw control character; escape it")
		default:
			out = append(out, c)
			r.pos++
		}
	}
	return "", errEnd
}

// escape consumes one escape sequence.
func (r *reader) escape() (rune, error) {
	if r.pos+1 >= len(r.raw) {
		return 0, errEnd
	}
	c := r.raw[r.pos+1]
	r.pos += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return r.codePoint()
	}
	return 0, errors.New("holds an unknown escape")
}

// codePoint consumes the four digits after \u, and the second half of a pair.
func (r *reader) codePoint() (rune, error) {
	first, err := r.hex()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	if !r.word(`\u`) {
		return 0, errors.New("holds half of a surrogate pair")
	}
	second, err := r.hex()
	if err != nil {
		return 0, err
	}
	char := utf16.DecodeRune(first, second)
	if char == utf8.RuneError {
		return 0, errors.New("holds half of a surrogate pair")
	}
	return char, nil
}

func (r *reader) hex() (rune, error) {
	if len(r.raw)-r.pos < 4 {
		return 0, errEnd
	}
	digits := r.raw[r.pos : r.pos+4]
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil {
		return 0, errors.New("holds an unknown escape")
	}
	r.pos += 4
	return rune(n), nil
}

// long consumes a number that is exactly a 64-bit integer as written.
func (r *reader) long() (int64, error) {
	start := r.pos
	if kind := r.kind(); kind != "a number" {
		return 0, fmt.Errorf("is %s, and a whole number is wanted", kind)
	}
	for r.pos < len(r.raw) && strings.IndexByte("+-.0123456789eE", r.raw[r.pos]) >= 0 {
		r.pos++
	}
	written := r.raw[start:r.pos]
	n, err := strconv.ParseInt(written, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != written {
		return 0, fmt.Errorf("is %s, and a whole number of 64 bits is wanted, without point, exponent or leading zero", shorten(written, 40))
	}
	return n, nil
}

// boolean consumes true or false.
func (r *reader) boolean() (bool, error) {
	switch {
	case r.word("true"):
		return true, nil
	case r.word("false"):
		return false, nil
	}
	return false, fmt.Errorf("is %s, and true or false is wanted", r.kind())
}

// array consumes an array of at most limit members, each read by member.
func array[T any](r *reader, limit int, member func() (T, error)) ([]T, error) {
	if r.pos >= len(r.raw) || r.raw[r.pos] != '[' {
		return nil, fmt.Errorf("is %s, and an array is wanted", r.kind())
	}
	r.sign('[')
	var out []T
	if r.sign(']') {
		return out, nil
	}
	for {
		if len(out) == limit {
			return nil, fmt.Errorf("has more than %d members", limit)
		}
		m, err := member()
		if err != nil {
			return nil, fmt.Errorf("has a member that %w", err)
		}
		out = append(out, m)
		if r.sign(',') {
			continue
		}
		if r.sign(']') {
			return out, nil
		}
		return nil, errors.New("is an array that does not close where it should")
	}
}
