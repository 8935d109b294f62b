package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go/types"
)

// decode reads a JSON object into a record of the declared types. It refuses
// bytes beyond limit, unknown, repeated and missing names, values of another
// type or outside their bounds, null, invalid UTF-8 and anything after the
// object. The error names the first field that is wrong; where says what a
// field is called. It reads every byte at most twice.
func (fs *fields) decode(where string, raw []byte, limit int) (types.Record, error) {
	if len(raw) > limit {
		return types.Record{}, fmt.Errorf("%ss are %d bytes long, and at most %d are allowed", where, len(raw), limit)
	}
	if !utf8.Valid(raw) {
		return types.Record{}, fmt.Errorf("%ss are not valid UTF-8", where)
	}
	r := &reader{raw: string(raw)}
	if !r.sign('{') {
		return types.Record{}, fmt.Errorf("%ss are %s, and a JSON object is wanted", where, r.kind())
	}
	record := make(types.RecordMap, len(fs.list))
	seen, err := fs.members(where, r, record)
	if err != nil {
		return types.Record{}, err
	}
	if r.pos != len(r.raw) {
		return types.Record{}, fmt.Errorf("%ss have bytes after their closing brace", where)
	}
	for i := range fs.list {
		if fs.list[i].required && seen&(1<<i) == 0 {
			return types.Record{}, fmt.Errorf("%s %q is missing", where, fs.list[i].name)
		}
	}
	return newRecord(record), nil
}

// members reads name-value pairs up to and including the closing brace, and
// returns a bit for each field that was present.
func (fs *fields) members(where string, r *reader, record types.RecordMap) (seen uint64, err error) {
	if r.sign('}') {
		return 0, nil
	}
	for {
		name, err := r.text()
		if err != nil {
			return 0, fmt.Errorf("the name of %s number %d %w", where, len(record)+1, err)
		}
		i, known := fs.find(name)
		switch {
		case !known:
			return 0, fmt.Errorf("%s %.60q is unknown; declared are: %s", where, name, shorten(fs.names(), 200))
		case seen&(1<<i) != 0:
			return 0, fmt.Errorf("%s %q stands twice", where, name)
		case !r.sign(':'):
			return 0, fmt.Errorf("%s %q has no colon after its name", where, name)
		}
		seen |= 1 << i
		value, err := fs.list[i].read(r)
		if err != nil {
			return 0, fmt.Errorf("%s %q %w", where, name, err)
		}
		record[types.String(name)] = value.cedar()
		if r.sign(',') {
			continue
		}
		if r.sign('}') {
			return seen, nil
		}
		return 0, fmt.Errorf("%s %q is not followed by a comma or the closing brace", where, name)
	}
}

func (fs *fields) names() string {
	if len(fs.list) == 0 {
		return "none"
	}
	names := make([]string, len(fs.list))
	for i := range fs.list {
		names[i] = fs.list[i].name
	}
	return strings.Join(names, ", ")
}

// read reads one value of the field's type and checks its bounds.
func (f *field) read(r *reader) (Value, error) {
	v, err := f.parse(r)
	if err != nil {
		return Value{}, err
	}
	return v, f.admits(v)
}

func (f *field) parse(r *reader) (Value, error) {
	switch f.kind {
	case TypeString:
		s, err := r.text()
		return Value{kind: TypeString, text: s}, err
	case TypeLong:
		n, err := r.long()
		return Value{kind: TypeLong, number: n}, err
	case TypeBool:
		b, err := r.boolean()
		return BoolValue(b), err
	case TypeStringSet:
		list, err := array(r, f.maxItems, r.text)
		return Value{kind: TypeStringSet, texts: list}, err
	case TypeLongSet:
		list, err := array(r, f.maxItems, r.long)
		return Value{kind: TypeLongSet, numbers: list}, err
	case TypeDecimal:
		s, err := r.text()
		if err != nil {
			return Value{}, err
		}
		v, err := DecimalValue(s)
		if err != nil {
			return Value{}, fmt.Errorf("is wrong: %w", err)
		}
		return v, nil
	case TypeJSON:
		s, err := r.value()
		return Value{kind: TypeJSON, text: s}, err
	case TypeUndeclared:
	}
	return Value{}, fmt.Errorf("has no declared type")
}
