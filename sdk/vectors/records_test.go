package vectors_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// record is one row of records.json: the bytes of a sound message of the type, and
// what a strict reader says of others that are made of them.
type record struct {
	About string   `json:"about"`
	Type  string   `json:"type"`
	Bytes string   `json:"bytes"`
	Cases []reread `json:"cases"`
}

// reread is bytes that stand behind the sound ones, or instead of them, and whether
// the whole is still a message of the type.
type reread struct {
	About   string `json:"about"`
	Behind  string `json:"behind,omitempty"`
	Instead string `json:"instead,omitempty"`
	OK      bool   `json:"ok"`
}

// mutation spoils the bytes of a record, or does not.
type mutation struct {
	about string
	alter func([]byte) []byte
}

// TestRecords: one record of each kind, sound and spoiled in every way that
// lenient readers pass over.
func TestRecords(t *testing.T) {
	var rows []record
	for _, line := range samples(t) {
		name, text, _ := strings.Cut(line, " ")
		message := messageOf(t, name)
		row := record{About: name, Type: string(message.Descriptor().Name()), Bytes: text}
		sound := raw(t, text)
		for _, m := range append(mutations(sound), fieldMutations(t, message, sound)...) {
			data := m.alter(slices.Clone(sound))
			one := reread{About: m.about, OK: schemas.Decode(data, schemas.MaxPayload, message.New().Interface()) == nil}
			if behind, added := bytes.CutPrefix(data, sound); added {
				one.Behind = hex.EncodeToString(behind)
			} else {
				one.Instead = hex.EncodeToString(data)
			}
			row.Cases = append(row.Cases, one)
		}
		if refused := slices.DeleteFunc(slices.Clone(row.Cases), func(c reread) bool { return c.OK }); len(refused) < len(row.Cases)/2 || len(refused) == len(row.Cases) {
			t.Errorf("of %s %d of %d are refused", name, len(refused), len(row.Cases))
		}
		rows = append(rows, row)
	}
	vectors(t, "records.json", rows)
}

func samples(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../schemas/testdata/records.hex")
	must(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func messageOf(t *testing.T, kind string) protoreflect.Message {
	t.Helper()
	kind, _, _ = strings.Cut(kind, "-") // several samples of one kind
	found, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("portcullis.v1." + strings.ToUpper(kind[:1]) + kind[1:]))
	must(t, err)
	return found.New()
}

func mutations(sound []byte) []mutation {
	behind := func(b ...byte) func([]byte) []byte { return func(data []byte) []byte { return append(data, b...) } }
	return []mutation{
		{"sound", behind()},
		{"no byte at all", func([]byte) []byte { return nil }},
		{"the last byte is missing", func(data []byte) []byte { return data[:len(data)-1] }},
		{"an unknown field", behind(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)...)},
		{"an unknown group", behind(0xa3, 0x3f, 0xa4, 0x3f)},
		{"field number 0", behind(0x00, 0x00)},
		{"wire type 7", behind(0x0f)},
		{"a tag of eleven bytes", behind(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)},
		{"a length beyond the end", behind(0x0a, 0x7f)},
		{"twice the same", func(data []byte) []byte { return append(data, sound...) }},
	}
}

// fieldMutations spoil one field each.
func fieldMutations(t *testing.T, message protoreflect.Message, sound []byte) (all []mutation) {
	t.Helper()
	for i := range message.Descriptor().Fields().Len() {
		field := message.Descriptor().Fields().Get(i)
		name, number := string(field.Name()), field.Number()
		tagged := func(kind protowire.Type, value ...byte) func([]byte) []byte {
			return func(data []byte) []byte { return append(protowire.AppendTag(data, number, kind), value...) }
		}
		all = append(all,
			mutation{name + " of 64 fixed bits", tagged(protowire.Fixed64Type, 1, 2, 3, 4, 5, 6, 7, 8)},
			mutation{name + " of 32 fixed bits", tagged(protowire.Fixed32Type, 1, 2, 3, 4)},
			mutation{name + " as a number", tagged(protowire.VarintType, 1)},
			mutation{name + " as a number of 65 bits", tagged(protowire.VarintType, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)},
			mutation{name + " as a number in too many bytes", tagged(protowire.VarintType, 0x81, 0x80, 0x00)},
			mutation{name + " as a large number", tagged(protowire.VarintType, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)},
			mutation{name + " as empty bytes", tagged(protowire.BytesType, 0)},
			mutation{name + " not UTF-8", tagged(protowire.BytesType, 2, 0xc3, 0x28)},
			mutation{name + " left out", func([]byte) []byte { return without(t, message, sound, field) }},
		)
		for about, value := range times(field) {
			all = append(all, mutation{name + " " + about, tagged(protowire.BytesType, protowire.AppendBytes(nil, value)...)})
		}
		for _, letters := range []int{63, 64, 65, 512, 513} {
			if field.Kind() == protoreflect.StringKind {
				text := strings.Repeat("é", letters)
				all = append(all, mutation{fmt.Sprintf("%s of %d letters of two bytes", name, letters), tagged(protowire.BytesType, protowire.AppendString(nil, text)...)})
			}
		}
	}
	return all
}

// times are values at the ends of a time's range and beyond, in the order in which
// they stand in the file; none for fields that are no time.
func times(field protoreflect.FieldDescriptor) iter.Seq2[string, []byte] {
	of := func(seconds int64, nanos int32) []byte {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(seconds))
		return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(int64(nanos)))
	}
	return func(yield func(string, []byte) bool) {
		if field.Message() == nil || field.Message().FullName() != "google.protobuf.Timestamp" {
			return
		}
		const first, last = -62135596800, 253402300799
		_ = yield("at the first second", of(first, 0)) && yield("before the first second", of(first-1, 0)) &&
			yield("at the last nanosecond", of(last, 999_999_999)) && yield("after the last second", of(last+1, 0)) &&
			yield("with a second of nanoseconds", of(0, 1_000_000_000)) && yield("with negative nanoseconds", of(0, -1))
	}
}

func without(t *testing.T, message protoreflect.Message, sound []byte, field protoreflect.FieldDescriptor) []byte {
	t.Helper()
	m := message.New()
	must(t, proto.Unmarshal(sound, m.Interface()))
	m.Clear(field)
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	must(t, err)
	return data
}

// envelope is one row of envelopes.json: bytes, and what a strict reader finds.
type envelope struct {
	About string `json:"about"`
	Bytes string `json:"bytes"`
	OK    bool   `json:"ok"`
}

// TestEnvelopes: envelopes, sound and spoiled.
func TestEnvelopes(t *testing.T) {
	key := trust.SigningKeyFromSeedInsecure(trust.DigestOf([]byte("a seed")))
	sound, err := trust.Seal("text/plain", []byte("payload"), key)
	must(t, err)
	var rows []envelope
	field := func(number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
	}
	extra := []mutation{
		{"no signature", func(data []byte) []byte {
			return data[:len(field(1, []byte("text/plain")))+len(field(2, []byte("payload")))]
		}},
		{"an empty signature", func(data []byte) []byte { return append(data, field(3, nil)...) }},
		{"a key id of 31 bytes", func(data []byte) []byte {
			return append(data, field(3, slices.Concat(field(1, make([]byte, 31)), field(2, make([]byte, 64))))...)
		}},
		{"a signature of 145 bytes", func(data []byte) []byte {
			return append(data, field(3, slices.Concat(field(1, make([]byte, 32)), field(2, make([]byte, 145))))...)
		}},
		{"an unknown field in a signature", func(data []byte) []byte {
			return append(data, field(3, slices.Concat(field(1, make([]byte, 32)), field(2, make([]byte, 64)), field(4, nil)))...)
		}},
		{"a second payload, which counts", func(data []byte) []byte { return append(data, field(2, []byte("another"))...) }},
		{"a payload type of 129 letters", func(data []byte) []byte { return append(data, field(1, []byte(strings.Repeat("a", 129)))...) }},
		{"a payload type of 128 letters of two bytes", func(data []byte) []byte { return append(data, field(1, []byte(strings.Repeat("é", 128)))...) }},
		{"a payload type that is not UTF-8", func(data []byte) []byte { return append(data, field(1, []byte{0xc3, 0x28})...) }},
		{"seventeen signatures", func(data []byte) []byte {
			for range 16 {
				data = append(data, field(3, slices.Concat(field(1, make([]byte, 32)), field(2, make([]byte, 64))))...)
			}
			return data
		}},
	}
	for _, m := range append(mutations(sound), extra...) {
		data := m.alter(slices.Clone(sound))
		_, err := trust.ParseEnvelope(data)
		rows = append(rows, envelope{m.about, hex.EncodeToString(data), err == nil})
	}
	vectors(t, "envelopes.json", rows)
}
