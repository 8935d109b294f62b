package policy

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go/types"
)

// Value is an attribute's value: one of the types of [Type]. The zero Value has
// no type and is refused wherever a value is wanted.
type Value struct {
	kind    Type
	text    string
	number  int64
	texts   []string
	numbers []int64
	decimal types.Decimal
}

// StringValue returns a String.
func StringValue(s string) Value { return Value{kind: TypeString, text: s} }

// LongValue returns a Long.
func LongValue(n int64) Value { return Value{kind: TypeLong, number: n} }

// BoolValue returns a Bool.
func BoolValue(b bool) Value {
	v := Value{kind: TypeBool}
	if b {
		v.number = 1
	}
	return v
}

// StringSetValue returns a set of Strings.
func StringSetValue(members ...string) Value {
	return Value{kind: TypeStringSet, texts: slices.Clone(members)}
}

// LongSetValue returns a set of Longs.
func LongSetValue(members ...int64) Value {
	return Value{kind: TypeLongSet, numbers: slices.Clone(members)}
}

// DecimalValue returns a decimal from its Cedar text, such as "12.50".
// It fails on more than four places after the point and on values that do not
// fit into 64 bits of ten-thousandths.
func DecimalValue(text string) (Value, error) {
	d, err := types.ParseDecimal(text)
	if err != nil || text[0] == '+' { // Cedar has no plus sign; its Go parser lets it pass
		return Value{}, fmt.Errorf(`%.40q is not a decimal; write it like "12.50", with one to four places`, text)
	}
	return Value{kind: TypeDecimal, decimal: d}, nil
}

// cedar returns the value as Cedar sees it. The zero Value has none.
func (v Value) cedar() types.Value {
	switch v.kind {
	case TypeString, TypeJSON:
		return types.String(v.text)
	case TypeLong:
		return types.Long(v.number)
	case TypeBool:
		return types.Boolean(v.number != 0)
	case TypeStringSet:
		members := make([]types.Value, len(v.texts))
		for i, s := range v.texts {
			members[i] = types.String(s)
		}
		return types.NewSet(members...)
	case TypeLongSet:
		members := make([]types.Value, len(v.numbers))
		for i, n := range v.numbers {
			members[i] = types.Long(n)
		}
		return types.NewSet(members...)
	case TypeDecimal:
		return v.decimal
	case TypeUndeclared:
	}
	return nil
}

// admits checks a value against the attribute's declaration and returns what
// is wrong with it.
func (f *field) admits(v Value) error {
	if v.kind != f.kind || v.kind == TypeUndeclared {
		return fmt.Errorf("is %s, and %s is declared", v.kind, f.kind)
	}
	switch v.kind {
	case TypeString, TypeJSON:
		return f.admitsText(v.text)
	case TypeLong:
		return f.admitsNumber(v.number)
	case TypeStringSet:
		return admitsAll(f, v.texts, f.admitsText)
	case TypeLongSet:
		return admitsAll(f, v.numbers, f.admitsNumber)
	case TypeBool, TypeDecimal, TypeUndeclared:
	}
	return nil
}

func admitsAll[T any](f *field, members []T, admits func(T) error) error {
	if len(members) > f.maxItems {
		return fmt.Errorf("has %d members, and at most %d are allowed", len(members), f.maxItems)
	}
	for _, m := range members {
		if err := admits(m); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) admitsText(s string) error {
	if len(s) > f.maxLength {
		return fmt.Errorf("is %d bytes long, and at most %d are allowed", len(s), f.maxLength)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("is not valid UTF-8")
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, s) {
		return fmt.Errorf("is %.60q, and only %.200q are allowed", s, f.enum)
	}
	return nil
}

func (f *field) admitsNumber(n int64) error {
	if n < f.min || n > f.max {
		return fmt.Errorf("is %d, and only %d to %d is allowed", n, f.min, f.max)
	}
	return nil
}

// newRecord is types.NewRecord, which copies, sorts and hashes even what is empty.
func newRecord(m types.RecordMap) types.Record {
	if len(m) == 0 {
		return types.Record{}
	}
	return types.NewRecord(m)
}
