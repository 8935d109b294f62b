package fabric_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// recorderOf demands that a recorder's folder has the private halves of the keys
// that the release lists, and returns its entry.
func recorderOf(t *testing.T, f *fabric.Fabric, name string) *pb.Identity {
	t.Helper()
	m, err := f.Load(pb.Role_ROLE_RECORDER, name, trust.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := trust.ParseLogKeys(m.LogKeys)
	if err != nil {
		t.Fatal(err)
	}
	release, err := f.Release()
	if err != nil {
		t.Fatal(err)
	}
	entry, ok := release.Identity(m.ID)
	if !ok || len(entry.Proto.GetLogKeys()) != 2 || !slices.EqualFunc(entry.Proto.GetLogKeys(), keys.Public(), func(a, b *pb.LogKey) bool { return proto.Equal(a, b) }) {
		t.Fatalf("%s: the release lists other log keys than its folder has", name)
	}
	return entry.Proto
}

func TestCreateRecorders(t *testing.T) {
	for n, want := range map[int]int{fabric.NoRecorders: 0, 0: 1, 3: 3} {
		p := params()
		p.Recorders = n
		f := create(t, p)
		if got := strings.Count(participants(t, f), "recorder/r"); got != want {
			t.Fatalf("%d recorders of %d", got, want)
		}
		if want > 0 && !recorderOf(t, f, "r1").GetRequired() {
			t.Error("the zone arms without r1")
		}
		if data, err := f.Publish(); err != nil || data != nil {
			t.Errorf("the source differs from the release: %d bytes, %v", len(data), err)
		}
		if e, err := f.Evidence(); err != nil || e.Listen != "" || len(e.Witnesses) != 0 {
			t.Errorf("a new evidence.yaml says %+v, %v", e, err)
		}
	}
	p := params()
	p.Recorders = 65
	if _, err := fabric.Create(filepath.Join(t.TempDir(), "many"), p); err == nil || !strings.Contains(err.Error(), "65 recorders") {
		t.Errorf("65 recorders: %v", err)
	}
}

// TestCreateRefusesARecorderWithoutKeys: a template cannot know keys that are made
// for it.
func TestCreateRefusesARecorderWithoutKeys(t *testing.T) {
	p := params()
	tree, ok := template(t).(fstest.MapFS)
	if !ok {
		t.Fatal("the test's template is of another type")
	}
	tree["directory.yaml"] = &fstest.MapFile{Data: append(tree["directory.yaml"].Data, "  - {name: r1, role: recorder}\n"...)}
	p.Release = tree
	if _, err := fabric.Create(filepath.Join(t.TempDir(), "data"), p); err == nil || !strings.Contains(err.Error(), "lists a recorder") {
		t.Errorf("%v", err)
	}
}

func TestEnrollRecorder(t *testing.T) {
	p := params()
	p.Recorders = fabric.NoRecorders
	f := create(t, p)
	recorder := fabric.Enrollment{Role: pb.Role_ROLE_RECORDER, Name: "r1"}
	for range 2 { // the second time nothing is made
		if _, err := f.Enroll(recorder); err != nil {
			t.Fatal(err)
		}
		recorderOf(t, f, "r1")
	}
	if data, err := f.Publish(); err != nil || data != nil {
		t.Errorf("directory.yaml differs from the release: %d bytes, %v", len(data), err)
	}
	keys := filepath.Join(f.MemberDir(pb.Role_ROLE_RECORDER, "r1"), "log.keys")
	if err := os.WriteFile(keys, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(pb.Role_ROLE_RECORDER, "r1", trust.Digest{}); err == nil || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("with other keys: %v", err)
	}
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(pb.Role_ROLE_RECORDER, "r1", trust.Digest{}); err == nil || !strings.Contains(err.Error(), "enroll another recorder") {
		t.Errorf("without keys: %v", err)
	}
	if err := os.RemoveAll(f.MemberDir(pb.Role_ROLE_RECORDER, "r1")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Enroll(recorder); err == nil || !strings.Contains(err.Error(), "log keys cannot be made again") {
		t.Errorf("without its folder: %v", err)
	}
}

const verifier = "example.com/w1+a3e00fe2+BNO/co4C1Hp1OJUJSsPZgbKdBoZePlMl+t9HtEv8ZrqH"

func TestEnrollWitness(t *testing.T) {
	f := create(t, params())
	good := witnessKey(t)
	for name, e := range map[string]fabric.Enrollment{
		"without a key":           {Role: pb.Role_ROLE_WITNESS, Name: "w1"},
		"an agent with one":       {Role: pb.Role_ROLE_AGENT, Name: "w1", Verifier: good},
		"a key of another shape":  {Role: pb.Role_ROLE_WITNESS, Name: "w1", Verifier: "w1"},
		"a key whose hash is not": {Role: pb.Role_ROLE_WITNESS, Name: "w1", Verifier: strings.Replace(good, "example.com", "example.org", 1)},
	} {
		if done, err := f.Enroll(e); err == nil || done != nil {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
	done, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_WITNESS, Name: "w1", Verifier: good})
	if err != nil || done.Dir != "" || done.Version != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := os.Stat(f.MemberDir(pb.Role_ROLE_WITNESS, "w1")); err == nil {
		t.Error("a witness has a folder")
	}
	if data, err := f.Publish(); err != nil || data != nil {
		t.Errorf("directory.yaml differs from the release: %d bytes, %v", len(data), err)
	}
	state, err := f.State()
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := state.LogKeys(); err != nil || keys.Threshold() != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
	if _, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_WITNESS, Name: "w1", Verifier: verifier}); err == nil {
		t.Error("another key under the same name passes")
	}
}

// witnessKey is a witness's verifier key: a recorder's of Ed25519 has the same form
// but for its algorithm's byte.
func witnessKey(t *testing.T) string {
	t.Helper()
	_, public, err := trust.GenerateLogKeys()
	if err != nil {
		t.Fatal(err)
	}
	text, err := lineage.VerifierKey("example.com/w1", public[1])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEvidenceRefuses(t *testing.T) {
	f := create(t, params())
	path := filepath.Join(f.Dir, "evidence.yaml")
	for text, want := range map[string]string{
		"":                          "",
		"listen: 127.0.0.1:4290\n":  "",
		"listen: 4290\n":            "write for example 127.0.0.1:4290",
		"address: 127.0.0.1:4290\n": "compare it with one",
		"listen: a:1\n---\n{}\n":    "more than one document",
		"witnesses: [{name: w1}]\n": "write for example https://",
		"witnesses: [{name: W 1, url: \"https://w\"}]\n":                                   "witness",
		"witnesses: [{name: w1, url: \"ftp://w\"}]\n":                                      "write for example https://",
		"witnesses: [{name: w1, url: \"https://w?x=1\"}]\n":                                "write for example https://",
		"witnesses: [{name: w1, url: \"https://w\"}, {name: w1, url: \"https://v\"}]\n":    "stands twice",
		"witnesses: [{name: w1, url: \"https://w/a\"}, {name: w2, url: \"http://v:1\"}]\n": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if e, err := f.Evidence(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, e, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Evidence(); err == nil {
		t.Error("a file that others can read passes")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if e, err := f.Evidence(); err != nil || e.Listen != "" || e.Witnesses != nil {
		t.Errorf("without the file: %+v, %v", e, err)
	}
}
