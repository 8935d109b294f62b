package fabric

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// message reads a mapping into a protobuf message whose path in the release is
// given ("" for the release itself). Keys are the schema's field names.
// Enumeration values are written short, as in `role: agent`; durations as in
// 1h30m or 250ms; bytes in hexadecimal.
func (r *reader) message(n *yaml.Node, m protoreflect.Message, path string) {
	known := make(map[string]func(key, value *yaml.Node))
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		known[string(fd.Name())] = func(key, value *yaml.Node) { r.field(key, value, m, fd, path) }
	}
	r.note(path, n)
	r.mapping(n, known)
}

func (r *reader) field(key, value *yaml.Node, m protoreflect.Message, fd protoreflect.FieldDescriptor, path string) {
	if one := fd.ContainingOneof(); one != nil && m.WhichOneof(one) != nil {
		r.fault(key, "yaml.oneof", "keep one of them", "%q and %q exclude each other", m.WhichOneof(one).Name(), key.Value)
		return
	}
	path = strings.TrimPrefix(path+"."+key.Value, ".")
	r.note(path, value)
	if !fd.IsList() {
		if v, ok := r.value(value, m.NewField(fd), fd, path); ok {
			m.Set(fd, v)
		}
		return
	}
	if !r.is(value, yaml.SequenceNode) {
		return
	}
	list := m.Mutable(fd).List()
	for i, item := range value.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.note(at, item)
		if v, ok := r.value(item, list.NewElement(), fd, at); ok {
			list.Append(v)
		}
	}
}

// value reads one value of a field or of a list; fresh is an empty one, which
// messages are read into.
func (r *reader) value(n *yaml.Node, fresh protoreflect.Value, fd protoreflect.FieldDescriptor, path string) (protoreflect.Value, bool) {
	before := len(r.found)
	if fd.Message() != nil {
		if d, ok := fresh.Message().Interface().(*durationpb.Duration); ok {
			r.duration(n, d)
		} else {
			r.message(n, fresh.Message(), path)
		}
		return fresh, len(r.found) == before
	}
	if !r.is(n, yaml.ScalarNode) {
		return fresh, false
	}
	v := r.scalar(n, fd)
	return v, len(r.found) == before
}

func (r *reader) scalar(n *yaml.Node, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.text(n))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.flag(n))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(r.enum(n, fd.Enum()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(r.bytes(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(r.integer(n))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(r.unsigned(n, 32))) //nolint:gosec // unsigned keeps it within 32 bits
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(r.unsigned(n, 64))
	default:
		r.fault(n, "yaml.kind", "leave it out", "a value of kind %s cannot be written here", fd.Kind())
		return protoreflect.Value{}
	}
}

func (r *reader) integer(n *yaml.Node) int64 {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || n.ShortTag() != "!!int" {
		r.fault(n, "yaml.integer", "write digits only, unquoted", "%q is not a whole number of 64 bits", n.Value)
	}
	return v
}

func (r *reader) unsigned(n *yaml.Node, bits int) uint64 {
	v, err := strconv.ParseUint(n.Value, 10, bits)
	if err != nil || n.ShortTag() != "!!int" {
		r.fault(n, "yaml.integer", "write digits only, unquoted", "%q is not a whole number from 0 of %d bits", n.Value, bits)
	}
	return v
}

func (r *reader) bytes(n *yaml.Node) []byte {
	b, err := hex.DecodeString(n.Value)
	if err != nil {
		r.fault(n, "yaml.hex", "write an even count of the digits 0-9 and a-f", "%.80q is not hexadecimal", n.Value)
	}
	return b
}

func (r *reader) duration(n *yaml.Node, into *durationpb.Duration) {
	if !r.is(n, yaml.ScalarNode) {
		return
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil {
		r.fault(n, "yaml.duration", "write numbers with units, such as 250ms, 60s or 1h30m", "%q is not a duration", n.Value)
		return
	}
	proto.Merge(into, durationpb.New(d))
}

func (r *reader) enum(n *yaml.Node, ed protoreflect.EnumDescriptor) protoreflect.EnumNumber {
	known := make(map[string]protoreflect.EnumNumber)
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		if name := shortName(ed, v); name != "" {
			known[name] = v.Number()
		}
	}
	number, ok := known[n.Value]
	if !ok {
		r.fault(n, "yaml.value", "write one of "+names(known), "%q is unknown here", n.Value)
	}
	return number
}

// shortName is how a value of an enumeration is written: ROLE_AGENT is agent. A
// zero value that says nothing but "unspecified" has no name.
func shortName(ed protoreflect.EnumDescriptor, v protoreflect.EnumValueDescriptor) string {
	name := strings.TrimPrefix(string(v.Name()), enumPrefix(ed))
	if v.Number() == 0 {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "UNSPECIFIED"), "_")
	}
	return strings.ToLower(name)
}

// spell is the short name of a value; "" for one that the schema lacks.
func spell(e protoreflect.Enum) string {
	v := e.Descriptor().Values().ByNumber(e.Number())
	if v == nil {
		return ""
	}
	return shortName(e.Descriptor(), v)
}

// enumPrefix is what the names of an enumeration's values begin with:
// AttributeType gives ATTRIBUTE_TYPE_.
func enumPrefix(ed protoreflect.EnumDescriptor) string {
	var b strings.Builder
	for i, c := range string(ed.Name()) {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String()) + "_"
}
