package jsonrpc

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Object takes one JSON object apart, under the same strictness as Parse. Names
// are compared exactly. Errors are *Fault.
func Object(raw []byte) (map[string]json.RawMessage, error) {
	if err := check(raw); err != nil { // nothing at all is no JSON either
		return nil, err
	}
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return nil, fault(CodeInvalidRequest, "a JSON object is wanted")
	}
	members := map[string]json.RawMessage{} // a struct's fields would match names in any case
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fault(CodeParse, "it is no JSON")
	}
	return members, nil
}

// Text reads a JSON string; ok is false for everything else, and for nothing.
func Text(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// check refuses what is not one strict JSON value.
func check(raw []byte) error {
	if !utf8.Valid(raw) {
		return fault(CodeParse, "it is not valid UTF-8")
	}
	if !json.Valid(raw) {
		return fault(CodeParse, "it is no JSON")
	}
	if !surrogatesPaired(raw) {
		return fault(CodeParse, "a text holds half of a surrogate pair")
	}
	return checkNames(json.NewDecoder(bytes.NewReader(raw)))
}

// checkNames walks valid JSON: no name twice in an object, no deep nesting.
func checkNames(d *json.Decoder) error {
	var open []map[string]bool // nil for an array
	name := false              // the next text is a member's name
	for {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end: the bytes are valid JSON
		}
		delim, isDelim := token.(json.Delim)
		switch {
		case isDelim && (delim == '{' || delim == '['):
			if len(open) == MaxDepth {
				return fault(CodeInvalidRequest, "it nests deeper than %d", MaxDepth)
			}
			var names map[string]bool
			if delim == '{' {
				names = map[string]bool{}
			}
			open = append(open, names)
		case isDelim:
			open = open[:len(open)-1]
		case name:
			text, _ := token.(string)
			names := open[len(open)-1]
			if names[text] {
				return fault(CodeInvalidRequest, "the name %.60q stands twice in one object", text)
			}
			names[text], name = true, false
			continue
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}

// surrogatesPaired reports whether each escaped half of a pair has its other half:
// readers differ in what they make of one that has not.
func surrogatesPaired(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // whatever is escaped
		first, ok := codeUnit(raw, i)
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := codeUnit(raw, i+6)
		if !ok || raw[i+5] != '\\' || utf16.DecodeRune(first, second) == utf8.RuneError {
			return false
		}
		i += 10
	}
	return true
}

// codeUnit reads uXXXX at i.
func codeUnit(raw []byte, i int) (rune, bool) {
	if i+5 > len(raw) || raw[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
	return rune(n), err == nil
}

// Canonical writes a JSON value in one spelling: no space, names in the order of
// their bytes, strings with the fewest escapes, numbers as they were written. It
// refuses what Parse refuses; errors are *Fault.
func Canonical(raw []byte) ([]byte, error) {
	if err := check(raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fault(CodeParse, "it is no JSON")
	}
	return Encode(value)
}

// Encode writes a value as JSON without escaping what needs none.
func Encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fault(CodeInternal, "it has no JSON form")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
