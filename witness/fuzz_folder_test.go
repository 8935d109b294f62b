package witness_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/witness"
)

// FuzzFolder: whatever stands in the place of one file of a witness, it opens with
// the first key and the memory that it had, or not at all. What it has cosigned is never
// forgotten for bytes that somebody wrote there.
func FuzzFolder(f *testing.F) {
	h := newWorld(f)
	h.accept(grow(5, 5, 0), 0, 5)
	kept, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
	must(f, err)
	names := append(kept, filepath.Join(h.dir, "ed25519.key"), filepath.Join(h.dir, "ml-dsa-44.key"))
	honest := map[string][]byte{}
	for i, name := range names {
		data, err := os.ReadFile(name)
		must(f, err)
		honest[name] = data
		f.Add(uint8(i), data)
		f.Add(uint8(i), data[:len(data)/2])
		f.Add(uint8(i), append(slices.Clone(data), '\n'))
		f.Add(uint8(i), []byte(nil))
	}
	verifiers := h.w.Verifiers()
	back := grow(4, 0, 1)
	must(f, h.w.Close())
	f.Cleanup(h.open) // for the world's own end
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := names[int(which)%len(names)]
		must(t, os.WriteFile(name, data, 0o600))
		defer func() { must(t, os.WriteFile(name, honest[name], 0o600)) }()
		w, err := witness.Open(h.config())
		if err != nil {
			if !errors.Is(err, witness.ErrFolder) && !errors.Is(err, fabric.ErrExposed) && len(data) < 200<<10 {
				t.Fatal(err)
			}
			return
		}
		defer func() { must(t, w.Close()) }()
		if own := w.Verifiers()[0]; own != verifiers[0] { // the state is checked by the first key, Ed25519
			t.Fatalf("%q makes it another witness: %q", data, own)
		}
		if lines, err := w.AddCheckpoint(h.log.request(t, back, 0, 4)); err == nil {
			t.Fatalf("having forgotten, it cosigned another history: %q", lines)
		}
	})
}

// FuzzParseLog: a log that is understood has its own spelling, and none of its keys
// is in another's name.
func FuzzParseLog(f *testing.F) {
	l := newLog(f)
	for _, text := range []string{
		origin + "=" + l.verifiers[0], origin + "=" + l.verifiers[1], origin + "=" + l.verifiers[0] + "," + l.verifiers[0], "other=" + l.verifiers[0],
		origin + "=", "=" + l.verifiers[0], origin, origin + "=" + l.verifiers[0][:len(l.verifiers[0])-4], origin + "=a+b+c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := witness.ParseLog(text)
		if err != nil {
			if !errors.Is(err, witness.ErrLog) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var spelt strings.Builder
		spelt.WriteString(got.Origin + "=")
		for i, key := range got.Keys {
			if i > 0 {
				spelt.WriteString(",")
			}
			spelt.WriteString(key)
		}
		if spelt.String() != text || len(got.Keys) == 0 || got.Origin == "" {
			t.Fatalf("%q is read as %+v", text, got)
		}
	})
}

// FuzzReadLogs: a file of logs is read strictly or refused.
func FuzzReadLogs(f *testing.F) {
	for _, text := range []string{
		"logs:\n  - origin: a\n    keys: [k]\n", `{"logs":[{"origin":"a","keys":["k"]}]}`, "logs: []\n---\nlogs: []\n", "logs: &a [*a]\n", "log: []\n", "", "logs:\n- origin: [1]\n",
		"a: &a [x,x]\nlogs: *a\n",
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "logs.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(path, data, 0o600))
		if logs, err := witness.ReadLogs(path); err != nil && logs != nil || err != nil && !errors.Is(err, witness.ErrLog) {
			t.Fatalf("%v, %v", logs, err)
		}
	})
}
