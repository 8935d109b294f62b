package proof_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
)

var update = flag.Bool("update", false, "write the vectors of testdata/vectors anew")

const vectors = "testdata/vectors"

// vector is one row of testdata/vectors/index.json: a file, the anchor that it is
// verified by, and what a verifier must find.
type vector struct {
	File   string         `json:"file"`
	Anchor string         `json:"anchor"` // hexadecimal
	Kind   proof.Kind     `json:"kind"`
	OK     bool           `json:"ok"`
	Failed proof.StepName `json:"failed,omitempty"` // the first step that does not hold
	About  string         `json:"about"`
}

// negative is a vector whose file is wrong in one way.
type negative struct {
	name, story, about string
	alter              func(*world, *proof.File)
	want               proof.StepName
}

var negatives = []negative{
	{"bad_anchor", "executed", "The file names another ledger than the verifier trusts.", func(_ *world, f *proof.File) { f.Anchor[0] ^= 1 }, proof.StepAnchor},
	{"bad_credential_missing", "executed", "The credential of an enforcer is left out.", func(_ *world, f *proof.File) { f.Records = drop(f, "fabric.z1.credential.e1") }, proof.StepRecords},
	{"bad_signature", "executed", "One bit of the outcome's signature differs.", func(_ *world, f *proof.File) {
		outcome := f.Records[len(f.Records)-2].Envelope
		outcome[len(outcome)-1] ^= 1
	}, proof.StepRecords},
	{"bad_recorder", "executed", "Another recorder's keys signed the checkpoint.", func(w *world, f *proof.File) {
		f.Checkpoint = string(w.checkpointOf(logKeys(w.tb, "thief"), "w1.example"))
	}, proof.StepCheckpoint},
	{"bad_witness", "executed", "No witness cosigned, and the release asks for one.", func(w *world, f *proof.File) { f.Checkpoint = string(w.checkpointOf(w.logKeys)) }, proof.StepCheckpoint},
	{"bad_inclusion", "executed", "One bit of one inclusion proof differs.", func(_ *world, f *proof.File) { f.Records[2].Inclusion[1][0] ^= 1 }, proof.StepInclusion},
	{"bad_time", "executed", "A broker's time is one nanosecond earlier.", func(_ *world, f *proof.File) { f.Records[3].Time-- }, proof.StepInclusion},
	{"bad_intent", "executed", "It is about bytes that are not on the ledger.", func(_ *world, f *proof.File) { f.About.Intent[0] ^= 1 }, proof.StepIntent},
	{"bad_quorum", "executed", "One enforcer's decision where two must agree.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.decision.read") }, proof.StepDecision},
	{"bad_denied", "executed", "It claims a denial; the quorum allowed.", func(_ *world, f *proof.File) { f.Kind, f.About.Claim = proof.KindDenied, nil }, proof.StepDecision},
	{"bad_approval", "approved", "The approval that opened the round is left out.", func(_ *world, f *proof.File) { f.Records = drop(f, "fabric.z1.approval") }, proof.StepDecision},
	{"bad_pulse", "executed", "Without a pulse the claim is void.", func(_ *world, f *proof.File) { f.Records = drop(f, "fabric.z1.pulse") }, proof.StepClaim},
	{"bad_void", "executed", "It calls a valid claim void.", func(_ *world, f *proof.File) { f.Kind = proof.KindVoid }, proof.StepClaim},
	{"bad_absence", "executed", "It calls a claim void for want of a pulse that it leaves out.", func(_ *world, f *proof.File) { f.Kind, f.Records = proof.KindVoid, drop(f, "fabric.z1.pulse") }, proof.StepClaim},
	{"bad_outcome", "executed", "The executor reported EXECUTED, it claims failed.", func(_ *world, f *proof.File) { f.Kind = proof.KindFailed }, proof.StepOutcome},
	{"bad_deadline", "expired", "The last record does not reach the deadline.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.pulse") }, proof.StepDeadline},
	{"bad_history", "claimed", "No record after the claim names a governance head.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.pulse") }, proof.StepHistory},
	{"bad_history_outcome", "executed", "Nobody but the executor names a governance head after its claim.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.pulse") }, proof.StepHistory},
	{"bad_pending", "denied_pending", "It waits for approval: the last record does not reach the deadline.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.pulse") }, proof.StepDecision},
	{"bad_round", "denied_round", "A later round may allow it: the last record does not reach the deadline.", func(_ *world, f *proof.File) { f.Records = dropLast(f, "fabric.z1.pulse") }, proof.StepDecision},
}

func drop(f *proof.File, subject string) (left []proof.Record) {
	for _, r := range f.Records {
		if r.Subject != subject {
			left = append(left, r)
		}
	}
	return left
}

func dropLast(f *proof.File, subject string) []proof.Record {
	for i, r := range slices.Backward(f.Records) {
		if r.Subject == subject {
			return append(append([]proof.Record{}, f.Records[:i]...), f.Records[i+1:]...)
		}
	}
	return f.Records
}

// TestVectors: the vectors are those that the stories make, byte for byte but for
// the signatures of ML-DSA-44. Other languages check themselves against them.
func TestVectors(t *testing.T) {
	var index []vector
	add := func(name, about string, w *world, f *proof.File, failed proof.StepName) {
		data, err := f.Encode()
		must(t, err)
		index = append(index, vector{name + ".json", w.zone.Ledger.String(), f.Kind, failed == "", failed, about})
		golden(t, name+".json", data)
	}
	for _, s := range stories {
		w := newWorld(t)
		add(s.name, "Every step holds.", w, w.prove(s.tell(w)), "")
	}
	for _, n := range negatives {
		w := newWorld(t)
		f := w.prove(storyOf(t, n.story).tell(w))
		n.alter(w, f)
		add(n.name, n.about, w, f, n.want)
	}
	for _, l := range forgeries {
		w := newWorld(t)
		add(l.name, l.about, w, l.forge(w), l.want)
	}
	text, err := json.MarshalIndent(index, "", "  ")
	must(t, err)
	golden(t, "index.json", append(text, '\n'))
}

func golden(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(vectors, name)
	kept, err := os.ReadFile(path)
	if *update && steady(kept) != steady(data) {
		must(t, os.WriteFile(path, data, 0o600))
		return
	}
	must(t, err)
	if steady(kept) != steady(data) {
		t.Errorf("%s differs from what the story makes; if that is meant: go test ./core/proof -run TestVectors -update", path)
	}
}

// quantumSignature is an ML-DSA-44 signature in a note: its signer draws a nonce,
// so two runs differ there and nowhere else.
var quantumSignature = regexp.MustCompile(`(— [^ ]+) [A-Za-z0-9+/=]{900}[A-Za-z0-9+/=]{900}[A-Za-z0-9+/=]{900}[A-Za-z0-9+/=]+`)

func steady(data []byte) string {
	return quantumSignature.ReplaceAllString(string(data), "$1 (ML-DSA-44)")
}

// TestVectorsVerify reads the vectors as another implementation would: from disk
// alone, each against the JSON Schema first.
func TestVectorsVerify(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schemas/proof.schema.json")
	must(t, err)
	text, err := os.ReadFile(filepath.Join(vectors, "index.json"))
	must(t, err)
	var index []vector
	must(t, json.Unmarshal(text, &index))
	if files, err := filepath.Glob(vectors + "/*.json"); err != nil || len(files) != len(index)+1 {
		t.Errorf("%d files for %d rows of the index", len(files), len(index))
	}
	for _, v := range index {
		t.Run(v.File, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(vectors, v.File))
			must(t, err)
			validate(t, schema, data)
			f, err := proof.Decode(data)
			must(t, err)
			anchor, err := trust.ParseDigest(v.Anchor)
			must(t, err)
			if r := proof.Verify(f, anchor); r.OK() != v.OK || r.Failed() != v.Failed || f.Kind != v.Kind {
				t.Errorf("%s: ok %v, step %q fails; the index says %v, %q", r.Kind, r.OK(), r.Failed(), v.OK, v.Failed)
			}
		})
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, data []byte) {
	t.Helper()
	var value any
	must(t, json.Unmarshal(data, &value))
	if err := schema.Validate(value); err != nil {
		t.Errorf("the JSON Schema refuses it: %v", err)
	}
}

// malformed are texts that are no proof file, for the reader and the schema alike.
func malformed(t *testing.T) map[string][]byte {
	t.Helper()
	w := newWorld(t)
	f := w.prove(storyOf(t, "executed").tell(w))
	data, err := f.Encode()
	must(t, err)
	all := map[string][]byte{}
	change := func(name string, alter func(file map[string]any)) {
		var file map[string]any
		must(t, json.Unmarshal(data, &file))
		alter(file)
		text, err := json.Marshal(file)
		must(t, err)
		all[name] = text
	}
	record := func(file map[string]any) map[string]any {
		records, _ := file["records"].([]any)
		first, _ := records[0].(map[string]any)
		return first
	}
	about := func(file map[string]any) map[string]any {
		a, _ := file["about"].(map[string]any)
		return a
	}
	change("unknown member", func(file map[string]any) { file["note"] = "x" })
	change("unknown member of a record", func(file map[string]any) { record(file)["note"] = "x" })
	change("another format", func(file map[string]any) { file["format"] = "portcullis-proof/v9" })
	change("unknown kind", func(file map[string]any) { file["kind"] = "done" })
	change("no claim", func(file map[string]any) { delete(about(file), "claim") })
	change("no intent", func(file map[string]any) { delete(about(file), "intent") })
	change("an intent in capitals", func(file map[string]any) { about(file)["intent"] = "AB" + w.zone.Ledger.String()[2:] })
	change("a bare position", func(file map[string]any) { about(file)["position"] = "17" })
	change("no records", func(file map[string]any) { file["records"] = []any{} })
	change("a time as a number", func(file map[string]any) { record(file)["time"] = 17 })
	change("a time with a zero before it", func(file map[string]any) { record(file)["time"] = "017" })
	change("position 0", func(file map[string]any) { record(file)["position"] = 0 })
	change("a short hash", func(file map[string]any) { record(file)["inclusion"] = []any{"AAAA"} })
	change("base64 with a line break", func(file map[string]any) { record(file)["envelope"] = "AAAA\nAAAA" })
	change("base64 for URLs", func(file map[string]any) { record(file)["envelope"] = "__--" })
	change("no checkpoint", func(file map[string]any) { delete(file, "checkpoint") })
	all["no object"] = []byte(`[]`)
	return all
}

func TestMalformed(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schemas/proof.schema.json")
	must(t, err)
	for name, data := range malformed(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := proof.Decode(data); err == nil {
				t.Error("the reader takes it")
			}
			var value any
			must(t, json.Unmarshal(data, &value))
			if schema.Validate(value) == nil {
				t.Error("the JSON Schema takes it")
			}
		})
	}
	if _, err := proof.Decode([]byte(`{"format":"portcullis-proof/v1","format":"portcullis-proof/v1"}`)); err == nil {
		t.Error("the reader takes a member twice")
	}
	w := newWorld(t)
	f := w.prove(storyOf(t, "denied").tell(w))
	f.Kind = proof.KindExecuted
	if _, err := f.Encode(); err == nil {
		t.Error("the writer writes what no reader takes")
	}
}
