package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func digest32(b byte) []byte { return slices.Repeat([]byte{b}, 32) }

// usual are records as an action is made of, which must not need protovalidate.
func usual() []proto.Message {
	const alice, x1 = "spiffe://example.test/z1/agent/alice", "spiffe://example.test/z1/executor/x1"
	at := timestamppb.New(time.Unix(1_750_000_000, 5))
	return []proto.Message{
		&pb.Intent{
			Id: make([]byte, 16), Agent: alice, Session: "s_1-A", Sequence: 3, Previous: digest32(1), Parents: [][]byte{digest32(2)},
			Delegation: [][]byte{{1}}, Tool: "file-read", Action: "read", Resource: "a/b", Arguments: []byte("{}"), ArgumentsDigest: digest32(3),
			Context: []byte("{}"), Deadline: at, TraceParent: "00-1-2-01", TraceState: "a=b",
		},
		&pb.Decision{
			Intent: &pb.Position{Sequence: 7, Index: 511}, IntentDigest: digest32(4), Verdict: pb.Verdict_VERDICT_ALLOW, Policies: []string{"p"},
			Epoch: 2, Release: digest32(5), Deadline: at, LogTime: at, Agent: alice, Session: "s", Tool: "file-read", SessionSequence: 3,
			Charges: []*pb.Charge{{Limit: "l", Key: alice, Amount: 4}}, Round: 1, Approval: &pb.Position{Sequence: 9},
		},
		&pb.Decision{
			Intent: &pb.Position{Sequence: 7}, IntentDigest: digest32(4), Reasons: []pb.Reason{pb.Reason_REASON_HALTED}, Release: digest32(5), LogTime: at, Agent: alice,
		},
		&pb.Claim{IntentDigest: digest32(6), Intent: &pb.Position{Sequence: 7}, Executor: x1, Incarnation: make([]byte, 16), Number: 8},
		&pb.Outcome{
			IntentDigest: digest32(6), Claim: &pb.Position{Sequence: 9}, Status: pb.Status_STATUS_FAILED, Reason: pb.Reason_REASON_RUN_FAILED, ResultDigest: digest32(7),
			Started: at, Finished: at, Head: &pb.Head{Number: 2, Digest: digest32(8)}, Executor: x1,
		},
		&pb.Answer{
			IntentDigest: digest32(6), Body: &pb.Answer_Outcome{Outcome: []byte{1}}, Position: &pb.Position{Sequence: 9}, Result: []byte("r"), Explanation: "e",
		},
		&pb.Answer{IntentDigest: digest32(6), Body: &pb.Answer_Decision{Decision: []byte{1}}, Position: &pb.Position{Sequence: 7, Index: 511}},
	}
}

// valid asks the schema itself.
func valid(m proto.Message) error {
	if err := walk(m.ProtoReflect(), checkKnown); err != nil {
		return err
	}
	return Validate(m)
}

func TestUsualRecordsAreSound(t *testing.T) {
	for _, m := range usual() {
		if err := valid(m); err != nil || !sound(m) {
			t.Errorf("%s: sound %v, %v", m.ProtoReflect().Descriptor().Name(), sound(m), err)
		}
		if empty := m.ProtoReflect().Type().New().Interface(); sound(empty) {
			t.Errorf("an empty %s is sound", m.ProtoReflect().Descriptor().Name())
		}
	}
	for _, m := range Messages() { // whatever else there is, protovalidate is asked
		switch m.(type) {
		case *pb.Intent, *pb.Decision, *pb.Claim, *pb.Outcome, *pb.Answer:
		default:
			if sound(m) {
				t.Errorf("%T is sound by itself", m)
			}
		}
	}
}

// TestSoundIsNeverMoreThanTheSchema changes usual records at random, mostly to
// the edge of a rule or just beyond it: what is sound keeps the schema.
func TestSoundIsNeverMoreThanTheSchema(t *testing.T) {
	kept, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(usual()).Draw(t, "record")
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			change(t, m.ProtoReflect())
		}
		err := valid(m)
		if sound(m) && err != nil {
			t.Fatalf("sound, and yet: %v", err)
		}
		if err == nil {
			kept++
		} else {
			broken++
		}
	})
	if kept == 0 || broken == 0 {
		t.Errorf("%d changed records kept the schema and %d broke it: the changes prove nothing", kept, broken)
	}
}

// TestEveryRuleIsKept sets each field of the usual records to each value at a
// rule's edge, one at a time.
func TestEveryRuleIsKept(t *testing.T) {
	broken := map[string]bool{}
	for _, usualOne := range usual() {
		fields := usualOne.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			for _, v := range edges(fields.Get(i), usualOne.ProtoReflect()) { // one at a time
				m := proto.Clone(usualOne)
				v(m.ProtoReflect())
				err := valid(m)
				if err != nil {
					broken[string(fields.Get(i).FullName())] = true
				}
				if sound(m) && err != nil {
					t.Errorf("%s: sound, and yet: %v", fields.Get(i).FullName(), err)
				}
			}
		}
	}
	free := []string{ // fields without a rule
		"portcullis.v1.Decision.epoch", "portcullis.v1.Decision.session_sequence", "portcullis.v1.Decision.round", "portcullis.v1.Claim.number",
		"portcullis.v1.Intent.evaluation", "portcullis.v1.Decision.evaluation",
	}
	for _, m := range usual() {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			name := string(fields.Get(i).FullName())
			if broken[name] == slices.Contains(free, name) {
				t.Errorf("%s: some edge broke its rule: %v", name, broken[name])
			}
		}
	}
}

func change(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	fd := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	all := append(edges(fd, m), stranger)
	rapid.SampledFrom(all).Draw(t, fmt.Sprint("edge of ", fd.Name()))(m)
}

// edges are values of a field at or beyond the edges of whatever rule it has.
func edges(fd protoreflect.FieldDescriptor, m protoreflect.Message) []func(protoreflect.Message) {
	set := func(v protoreflect.Value) func(protoreflect.Message) {
		return func(m protoreflect.Message) { m.Set(fd, v) }
	}
	all := []func(protoreflect.Message){
		func(m protoreflect.Message) { m.Clear(fd) },
	}
	if fd.IsList() {
		for _, n := range []int{1, 8, 9, 16, 17, 64, 65} {
			all = append(all, func(m protoreflect.Message) { repeatElement(fd, m, n) })
		}
		for _, v := range scalars(fd) {
			all = append(all, func(m protoreflect.Message) {
				list := m.NewField(fd).List()
				list.Append(v)
				m.Set(fd, protoreflect.ValueOfList(list))
			})
		}
	}
	if fd.Kind() == protoreflect.MessageKind {
		return append(all, inner(fd, m)...)
	}
	if !fd.IsList() {
		for _, v := range scalars(fd) {
			all = append(all, set(v))
		}
	}
	return all
}

func repeatElement(fd protoreflect.FieldDescriptor, m protoreflect.Message, n int) {
	list := m.NewField(fd).List()
	for range n {
		if old := m.Get(fd).List(); old.Len() > 0 {
			list.Append(old.Get(0))
		} else {
			list.Append(list.NewElement())
		}
	}
	m.Set(fd, protoreflect.ValueOfList(list))
}

// stranger adds a field that the schema does not know.
func stranger(m protoreflect.Message) { m.SetUnknown(protoreflect.RawFields{0x98, 0x7d, 1}) }

// inner changes one field of a message inside a record.
func inner(fd protoreflect.FieldDescriptor, outer protoreflect.Message) []func(protoreflect.Message) {
	var all []func(protoreflect.Message)
	fields := fd.Message().Fields()
	for i := range fields.Len() {
		for _, edge := range append(edges(fields.Get(i), outer), stranger) {
			all = append(all, func(m protoreflect.Message) {
				var part protoreflect.Message
				switch {
				case !fd.IsList():
					part = m.Mutable(fd).Message()
				case m.Get(fd).List().Len() == 0:
					part = m.Mutable(fd).List().AppendMutable().Message()
				default:
					part = m.Mutable(fd).List().Get(0).Message()
				}
				edge(part)
			})
		}
	}
	return all
}

// large are the edges of the largest field; made once.
var large = [][]byte{make([]byte, MaxResult), make([]byte, MaxResult+1)}

// scalars are values around every bound that the schema has anywhere.
func scalars(fd protoreflect.FieldDescriptor) []protoreflect.Value {
	var all []protoreflect.Value
	switch fd.Kind() {
	case protoreflect.StringKind:
		for _, n := range []int{1, 55, 56, 63, 64, 65, 128, 129, 256, 257, 512, 513, 640, 641, 1024, 1025, 2048, 2049, 4096, 4097} {
			all = append(all, protoreflect.ValueOfString(strings.Repeat("a", n)), protoreflect.ValueOfString(strings.Repeat("ä", n)))
		}
		for _, s := range []string{"-a", "a-", "A", "a b", "a\n", "é", "none", "a.b"} {
			all = append(all, protoreflect.ValueOfString(s))
		}
	case protoreflect.BytesKind:
		for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 4096, 4097, 8192, 8193, 61440, 61441} {
			all = append(all, protoreflect.ValueOfBytes(make([]byte, n)))
		}
		for _, b := range large {
			all = append(all, protoreflect.ValueOfBytes(b))
		}
	case protoreflect.EnumKind:
		for _, n := range []protoreflect.EnumNumber{-1, 0, 1, 5, 6, 60, 61, 62, 400} {
			all = append(all, protoreflect.ValueOfEnum(n))
		}
	case protoreflect.Uint64Kind:
		all = append(all, protoreflect.ValueOfUint64(0), protoreflect.ValueOfUint64(1), protoreflect.ValueOfUint64(1<<63))
	case protoreflect.Uint32Kind:
		all = append(all, protoreflect.ValueOfUint32(0), protoreflect.ValueOfUint32(511), protoreflect.ValueOfUint32(512))
	case protoreflect.Int64Kind:
		for _, n := range []int64{-1 << 62, -1, 0, 1, 253402300799, 253402300800, -62135596800, -62135596801} {
			all = append(all, protoreflect.ValueOfInt64(n))
		}
	case protoreflect.Int32Kind:
		for _, n := range []int32{-1, 0, 999_999_999, 1_000_000_000} {
			all = append(all, protoreflect.ValueOfInt32(n))
		}
	default:
	}
	return all
}

// FuzzSound: whatever bytes are read, what is sound keeps the schema.
func FuzzSound(f *testing.F) {
	for i, m := range usual() {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		all := usual()
		m := all[int(which)%len(all)].ProtoReflect().Type().New().Interface()
		if proto.Unmarshal(data, m) == nil && sound(m) {
			if err := valid(m); err != nil {
				t.Fatalf("sound, and yet: %v", err)
			}
		}
	})
}

func BenchmarkDecodeSound(b *testing.B) {
	data, err := proto.Marshal(usual()[0])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sound", func(b *testing.B) {
		for b.Loop() {
			if err := Decode(data, MaxIntent, new(pb.Intent)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protovalidate", func(b *testing.B) {
		for b.Loop() {
			m := new(pb.Intent)
			if err := DecodeUnchecked(data, MaxIntent, m); err != nil {
				b.Fatal(err)
			}
			if err := Validate(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
