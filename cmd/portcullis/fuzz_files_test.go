package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// A fuzzer's worker is this executable, started by itself: it is no portcullis,
// whatever TestMain has put into the environment for the processes that tests start.
func init() {
	if slices.Contains(os.Args, "-test.fuzzworker") {
		_ = os.Unsetenv(asBinary)
	}
}

// FuzzRecordFile: a file that travels between governors shows what would be signed
// or is refused: a resume shows exactly the halts that it lifts, and a loss and a
// seal are never taken for each other.
func FuzzRecordFile(f *testing.F) {
	zone := trusttest.NewZone(1, 1)
	halt := trusttest.Payload(zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")))
	resume := zone.Seal(trusttest.Resume(trust.DigestOf(halt)))
	seal := zone.Seal(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "over"}}})
	for _, object := range []any{
		resumeJSON{resumeFormat, resume, [][]byte{halt}},
		resumeJSON{resumeFormat, resume, nil},
		resumeJSON{resumeFormat, resume, [][]byte{halt, halt}},
		resumeJSON{resumeFormat, seal, nil},
		jointJSON{sealKind.format, seal},
		jointJSON{lossKind.format, seal},
		jointJSON{sealKind.format, resume},
	} {
		text, err := json.Marshal(object)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(append(text, "{}"...))
	}
	path := filepath.Join(f.TempDir(), "record.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		must(t, os.WriteFile(path, text, 0o600))
		if r, err := readResume(path); err == nil {
			ids := r.ids()
			if len(ids) == 0 || len(ids) != len(r.halts) || r.record.GetResume() == nil {
				t.Fatalf("%q lifts %d and shows %d", text, len(ids), len(r.halts))
			}
		} else if !errors.Is(err, errRecordFile) {
			t.Fatal(err)
		}
		seal, sealErr := sealKind.read(path)
		loss, lossErr := lossKind.read(path)
		if sealErr == nil && (lossErr == nil || seal.record.GetSeal() == nil) || lossErr == nil && loss.record.GetLoss() == nil {
			t.Fatalf("%q is a seal (%v) and a loss (%v)", text, sealErr, lossErr)
		}
	})
}

// FuzzArguments: what is typed becomes the arguments that it says, or a complaint
// about how it was typed: no value changes its type unseen. (A null is sent as such;
// policy refuses it.)
func FuzzArguments(f *testing.F) {
	tool := &pb.Tool{Name: "x", Arguments: []*pb.Attribute{
		{Name: "n", Type: pb.AttributeType_ATTRIBUTE_TYPE_LONG},
		{Name: "b", Type: pb.AttributeType_ATTRIBUTE_TYPE_BOOL},
		{Name: "s", Type: pb.AttributeType_ATTRIBUTE_TYPE_STRING},
		{Name: "set", Type: pb.AttributeType_ATTRIBUTE_TYPE_STRING_SET},
	}}
	for _, pair := range []string{"n=5", "n=+5", "n=0x5", "n=9223372036854775808", "b=true", "b=TRUE", "s=5", "s=a=b", "set=[\"a\"]", "set=[]x", "set=a", "q=1", "=1", "s", "s=\xff"} {
		f.Add(pair)
	}
	f.Fuzz(func(t *testing.T, pair string) {
		data, err := (&argumentFlags{pairs: []string{pair}}).json(tool)
		if err != nil {
			return
		}
		var object map[string]any
		must(t, json.Unmarshal(data, &object))
		name, value, _ := strings.Cut(pair, "=")
		got, there := object[name]
		if len(object) != 1 || !there && utf8.ValidString(name) {
			t.Fatalf("%q becomes %s", pair, data)
		}
		switch want := map[string]bool{"n": isA[float64](got), "b": isA[bool](got), "set": isA[[]any](got) || got == nil}; name {
		case "n", "b", "set":
			if !want[name] {
				t.Fatalf("%q becomes %s", pair, data)
			}
		default:
			if text, ok := got.(string); there && (!ok || utf8.ValidString(value) && text != value) {
				t.Fatalf("%q becomes %s", pair, data)
			}
		}
	})
}

func isA[T any](v any) bool {
	_, ok := v.(T)
	return ok
}
