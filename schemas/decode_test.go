package schemas_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/schemas/internal/sample"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var update = flag.Bool("update", false, "rewrite testdata from the samples")

// samples is one record of each kind, and what records are made of, by name.
func samples() map[string]proto.Message {
	all := sample.Parts()
	for _, kind := range schemas.Kinds() {
		if record := sample.Record(kind.Kind); record != nil {
			all[kind.Name] = record
		}
	}
	return all
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := schemas.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unchecked serializes without asking the rules.
func unchecked(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func empty(m proto.Message) proto.Message { return m.ProtoReflect().New().Interface() }

// parts calls visit with m and every message inside it.
func parts(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				parts(v.List().Get(i).Message(), visit)
			}
		default:
			parts(v.Message(), visit)
		}
		return true
	})
}

// count is how many messages m is made of; nth lets change have its way with one.
func count(m proto.Message) (n int) {
	parts(m.ProtoReflect(), func(protoreflect.Message) { n++ })
	return n
}

func nth(m proto.Message, n int, change func(protoreflect.Message)) proto.Message {
	changed, i := proto.Clone(m), 0
	parts(changed.ProtoReflect(), func(part protoreflect.Message) {
		if i == n {
			change(part)
		}
		i++
	})
	return changed
}

// TestGolden: every build and every language makes these bytes of these records.
// One line a record, "name hex".
func TestGolden(t *testing.T) {
	const file = "testdata/records.hex"
	var out bytes.Buffer
	all := samples()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintln(&out, name, hex.EncodeToString(marshal(t, all[name])))
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("the samples serialize to other bytes than %s has: the wire format changed", file)
	}
	for line := range strings.Lines(string(want)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		back := empty(all[name])
		if err := schemas.Decode(data, len(data), back); err != nil || !proto.Equal(back, all[name]) {
			t.Errorf("%s comes back as %v, %v", name, back, err)
		}
	}
}

// TestSamplesCoverMessages: no message with rules is left out of these tests.
func TestSamplesCoverMessages(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	for _, m := range samples() {
		parts(m.ProtoReflect(), func(part protoreflect.Message) { seen[part.Descriptor().FullName()] = true })
	}
	for _, m := range schemas.Messages() {
		messages := m.ProtoReflect().Descriptor().ParentFile().Messages()
		for i := range messages.Len() {
			if name := messages.Get(i).FullName(); !seen[name] {
				t.Errorf("no sample has a %s", name)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, m := range samples() {
		t.Run(name, func(t *testing.T) {
			data := marshal(t, m)
			refused := func(what string, want error, data []byte, limit int) {
				t.Helper()
				if err := schemas.Decode(data, limit, empty(m)); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			refused("one byte too long", schemas.ErrOversized, data, len(data)-1)
			refused("truncated", schemas.ErrMalformed, data[:len(data)-1], len(data))
			refused("garbage", schemas.ErrMalformed, []byte("garbage"), 100)
			refused("nothing", schemas.ErrInvalid, nil, 100)
			for i := range count(m) {
				unknown := nth(m, i, func(part protoreflect.Message) { part.SetUnknown([]byte{0xf8, 0x7f, 1}) })
				refused(fmt.Sprintf("an unknown field in part %d", i), schemas.ErrMalformed, unchecked(t, unknown), 1<<20)
			}
		})
	}
}

// TestTimesInRange: out of protobuf's range, times and durations would wrap
// around into others.
func TestTimesInRange(t *testing.T) {
	for name, m := range samples() {
		for i := range count(m) {
			for _, bad := range []struct {
				seconds int64
				nanos   int32
			}{{1<<63 - 1, 0}, {-1 << 63, 0}, {0, -1}, {0, 1e9}, {-1, 1}} {
				is := false
				changed := nth(m, i, func(part protoreflect.Message) {
					switch part := part.Interface().(type) {
					case *timestamppb.Timestamp:
						is = bad.seconds != -1 // a timestamp may count up from a second before the epoch
						part.Seconds, part.Nanos = bad.seconds, bad.nanos
					case *durationpb.Duration:
						is = bad.nanos != -1 // a duration may be a negative fraction
						part.Seconds, part.Nanos = bad.seconds, bad.nanos
					}
				})
				if !is {
					continue
				}
				if err := schemas.Decode(unchecked(t, changed), 1<<20, empty(m)); !errors.Is(err, schemas.ErrInvalid) {
					t.Errorf("%s, part %d with %+v: %v", name, i, bad, err)
				}
				if data, err := schemas.Marshal(changed); !errors.Is(err, schemas.ErrInvalid) || data != nil {
					t.Errorf("%s, part %d with %+v is marshalled: %v", name, i, bad, err)
				}
			}
		}
	}
}

// TestRules breaks a rule of the schema at a time.
func TestRules(t *testing.T) {
	tests := map[string]proto.Message{
		"intent of nobody":              broken(schemas.KindIntent, func(m *pb.Intent) { m.Agent = "" }),
		"intent with a short id":        broken(schemas.KindIntent, func(m *pb.Intent) { m.Id = make([]byte, 15) }),
		"intent at sequence 0":          broken(schemas.KindIntent, func(m *pb.Intent) { m.Sequence = 0 }),
		"intent in a session of dots":   broken(schemas.KindIntent, func(m *pb.Intent) { m.Session = "a.b" }),
		"intent without deadline":       broken(schemas.KindIntent, func(m *pb.Intent) { m.Deadline = nil }),
		"intent sealed to no key":       broken(schemas.KindIntent, func(m *pb.Intent) { m.Sealed = &pb.Sealed{Data: make([]byte, 82)} }),
		"intent sealed too short":       broken(schemas.KindIntent, func(m *pb.Intent) { m.Sealed = &pb.Sealed{Key: "k", Data: make([]byte, 81)} }),
		"intent with long arguments":    broken(schemas.KindIntent, func(m *pb.Intent) { m.Arguments = make([]byte, 61441) }),
		"intent for a tool of capitals": broken(schemas.KindIntent, func(m *pb.Intent) { m.Tool = "Pay" }),
		"intent with a line end":        broken(schemas.KindIntent, func(m *pb.Intent) { m.Session = "a\n" }),
		"decision without position":     broken(schemas.KindDecision, func(m *pb.Decision) { m.Intent = nil }),
		"decision at sequence 0":        broken(schemas.KindDecision, func(m *pb.Decision) { m.Intent.Sequence = 0 }),
		"decision beyond a list":        broken(schemas.KindDecision, func(m *pb.Decision) { m.Intent.Index = 512 }),
		"decision of a new verdict":     broken(schemas.KindDecision, func(m *pb.Decision) { m.Verdict = 2 }),
		"decision for a new reason":     broken(schemas.KindDecision, func(m *pb.Decision) { m.Reasons = []pb.Reason{9999} }),
		"decision that pays back":       broken(schemas.KindDecision, func(m *pb.Decision) { m.Charges[0].Amount = -1 }),
		"claim without incarnation":     broken(schemas.KindClaim, func(m *pb.Claim) { m.Incarnation = nil }),
		"outcome without status":        broken(schemas.KindOutcome, func(m *pb.Outcome) { m.Status = 0 }),
		"outcome of a new status":       broken(schemas.KindOutcome, func(m *pb.Outcome) { m.Status = 9 }),
		"outcome without head":          broken(schemas.KindOutcome, func(m *pb.Outcome) { m.Head = nil }),
		"governance of no record":       broken(schemas.KindGovernance, func(m *pb.Governance) { m.Record = nil }),
		"halt without scope":            broken(schemas.KindGovernance, func(m *pb.Governance) { m.GetHalt().Scope = nil }),
		"halt of an unnamed scope":      broken(schemas.KindGovernance, func(m *pb.Governance) { m.GetHalt().Scope.Kind = 0 }),
		"halt without reason":           broken(schemas.KindGovernance, func(m *pb.Governance) { m.GetHalt().Reason = "" }),
		"genesis that continues nobody": part("governance-continues", func(m *pb.Governance) { m.GetGenesis().GetContinues().Ledger = nil }),
		"genesis without the last note": part("governance-continues", func(m *pb.Governance) { m.GetGenesis().GetContinues().Checkpoint = nil }),
		"loss of nothing":               part("governance-loss", func(m *pb.Governance) { m.GetLoss().Lost = nil }),
		"loss without reason":           part("governance-loss", func(m *pb.Governance) { m.GetLoss().Reason = "" }),
		"seal without reason":           part("governance-seal", func(m *pb.Governance) { m.GetSeal().Reason = "" }),
		"release of 17 witnesses":       part("governance-recorded", func(m *pb.Governance) { m.GetRelease().WitnessThreshold = 17 }),
		"sealing key of 31 bytes":       part("governance-recorded", func(m *pb.Governance) { m.GetRelease().SealingKeys[0].PublicKey = make([]byte, 31) }),
		"log key of no algorithm":       part("governance-recorded", func(m *pb.Governance) { m.GetRelease().Directory[1].LogKeys[0].Algorithm = 0 }),
		"log key of a new algorithm":    part("governance-recorded", func(m *pb.Governance) { m.GetRelease().Directory[1].LogKeys[0].Algorithm = 3 }),
		"pulse 0":                       broken(schemas.KindPulse, func(m *pb.Pulse) { m.Counter = 0 }),
		"pulse without clock":           broken(schemas.KindPulse, func(m *pb.Pulse) { m.Clock = nil }),
		"answer without body":           broken(schemas.KindAnswer, func(m *pb.Answer) { m.Body = nil }),
		"delegation of every tool":      broken(schemas.KindDelegation, func(m *pb.Delegation) { m.Tools = nil }),
		"delegation by wildcard":        broken(schemas.KindDelegation, func(m *pb.Delegation) { m.Tools = []string{"*"} }),
		"credential without SVID":       broken(schemas.KindCredential, func(m *pb.Credential) { m.Svid = nil }),
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			if err := schemas.Decode(unchecked(t, m), schemas.MaxItem, empty(m)); !errors.Is(err, schemas.ErrInvalid) {
				t.Errorf("%v, want ErrInvalid", err)
			}
			if data, err := schemas.Marshal(m); !errors.Is(err, schemas.ErrInvalid) || data != nil {
				t.Errorf("marshalled: %v", err)
			}
		})
	}
}

// broken is the sample of a kind after change had its way with it.
func broken[T proto.Message](kind schemas.Kind, change func(T)) proto.Message {
	m, ok := sample.Record(kind).(T)
	if !ok {
		panic("the sample of a " + kind.String() + " is of another type")
	}
	change(m)
	return m
}

// part is the sample of this name after change had its way with it.
func part[T proto.Message](name string, change func(T)) proto.Message {
	m, ok := sample.Parts()[name].(T)
	if !ok {
		panic("the sample " + name + " is of another type")
	}
	change(m)
	return m
}

// FuzzDecode: what is accepted can be made again, and comes back the same.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(marshal(f, m))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range schemas.Messages() {
			if schemas.Decode(data, schemas.MaxPayload, m) != nil {
				continue
			}
			again := empty(m)
			if err := schemas.Decode(marshal(t, m), schemas.MaxEnvelope, again); err != nil || !proto.Equal(again, m) {
				t.Errorf("%T: %v comes back as %v, %v", m, m, again, err)
			}
		}
	})
}

func BenchmarkDecodeIntent(b *testing.B) {
	data := marshal(b, sample.Record(schemas.KindIntent))
	b.ReportAllocs()
	for b.Loop() {
		if err := schemas.Decode(data, schemas.MaxIntent, new(pb.Intent)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalDecision(b *testing.B) {
	decision := sample.Record(schemas.KindDecision)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schemas.Marshal(decision); err != nil {
			b.Fatal(err)
		}
	}
}
