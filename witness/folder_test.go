package witness_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cosignature "github.com/transparency-dev/formats/note"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/witness"
)

// TestGenerate: the library reads the keys as this package does.
func TestGenerate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	keys, err := witness.Generate(dir, "example.com/w1", true)
	if err != nil || len(keys) != 2 || keys[0].File != "ed25519.key" || keys[1].File != "ml-dsa-44.key" {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		text, err := fabric.ReadSecret(filepath.Join(dir, key.File)) // refuses a file that others can read
		must(t, err)
		signer, err := cosignature.NewSignerForCosignatureV1(strings.TrimSpace(string(text)))
		must(t, err)
		verifier, err := cosignature.NewVerifierForCosignatureV1(key.Verifier)
		if err != nil || verifier.Name() != "example.com/w1" || signer.Name() != verifier.Name() || signer.KeyHash() != verifier.KeyHash() {
			t.Errorf("%s: %v", key.File, err)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "ed25519.key"))
	must(t, err)
	if _, err := witness.Generate(dir, "example.com/w1", true); !errors.Is(err, witness.ErrFolder) {
		t.Error(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "ed25519.key")); err != nil || !bytes.Equal(before, after) {
		t.Error("a second Generate changed the key")
	}
}

func TestGenerateOne(t *testing.T) {
	keys, err := witness.Generate(t.TempDir(), "w", false)
	if err != nil || len(keys) != 1 || !strings.HasPrefix(keys[0].Verifier, "w+") {
		t.Error(keys, err)
	}
}

func TestGenerateRefusesNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "é", "a\tb", strings.Repeat("w", 256)} {
		if _, err := witness.Generate(dir, name, false); err == nil {
			t.Errorf("%q", name)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made")
	}
}

func TestOpenAlone(t *testing.T) {
	h := newWorld(t)
	if _, err := witness.Open(h.config()); !errors.Is(err, witness.ErrFolder) || !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
}

// TestOpenRefuses: a folder in which anything is not as it was written is no
// witness's, and what was cosigned is not forgotten.
func TestOpenRefuses(t *testing.T) {
	edit := func(name string, change func(string) string) func(*testing.T, *world) {
		return func(t *testing.T, h *world) {
			path := filepath.Join(h.dir, name)
			text, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte(change(string(text))), 0o600))
		}
	}
	last := func(change func(string) string) func(*testing.T, *world) {
		return func(t *testing.T, h *world) {
			kept, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
			must(t, err)
			name, err := filepath.Rel(h.dir, kept[0])
			must(t, err)
			edit(name, change)(t, h)
		}
	}
	tests := map[string]func(*testing.T, *world){
		"no key":             func(t *testing.T, h *world) { must(t, os.Remove(filepath.Join(h.dir, "ed25519.key"))) },
		"an open key":        func(t *testing.T, h *world) { must(t, os.Chmod(filepath.Join(h.dir, "ed25519.key"), 0o644)) },
		"an open other key":  func(t *testing.T, h *world) { must(t, os.Chmod(filepath.Join(h.dir, "ml-dsa-44.key"), 0o640)) },
		"an empty key":       edit("ed25519.key", func(string) string { return "" }),
		"a key cut short":    edit("ed25519.key", func(s string) string { return s[:len(s)-9] }),
		"a renamed key":      edit("ed25519.key", func(s string) string { return strings.Replace(s, "w1", "w2", 1) }),
		"a damaged key":      edit("ml-dsa-44.key", func(s string) string { return s[:len(s)-10] + "AAAA" + s[len(s)-6:] }),
		"words behind a key": edit("ed25519.key", func(s string) string { return s + "\n" }),
		"keys exchanged": func(t *testing.T, h *world) {
			text, err := os.ReadFile(filepath.Join(h.dir, "ed25519.key"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(h.dir, "ml-dsa-44.key"), text, 0o600))
		},
		"a key of another witness": func(t *testing.T, h *world) {
			other := t.TempDir()
			_, err := witness.Generate(other, "witness.example/w2", true)
			must(t, err)
			must(t, os.Rename(filepath.Join(other, "ml-dsa-44.key"), filepath.Join(h.dir, "ml-dsa-44.key")))
		},
		"another key, same name": func(t *testing.T, h *world) {
			other := t.TempDir()
			_, err := witness.Generate(other, "witness.example/w1", true)
			must(t, err)
			must(t, os.Rename(filepath.Join(other, "ed25519.key"), filepath.Join(h.dir, "ed25519.key")))
		},
		"no logs":           func(t *testing.T, h *world) { must(t, os.RemoveAll(filepath.Join(h.dir, "logs"))) },
		"no forks":          func(t *testing.T, h *world) { must(t, os.RemoveAll(filepath.Join(h.dir, "forks"))) },
		"an empty state":    last(func(string) string { return "" }),
		"a state cut short": last(func(s string) string { return s[:len(s)/2] }),
		"another size":      last(func(s string) string { return strings.Replace(s, "\n5\n", "\n4\n", 1) }),
		"not cosigned":      last(func(s string) string { return s[:strings.Index(s, "— witness")] }),
		"another log's": func(t *testing.T, h *world) {
			kept, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
			must(t, err)
			foreign, err := newForeign(t, h)
			must(t, err)
			must(t, os.WriteFile(kept[0], foreign, 0o600))
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			h := newWorld(t)
			h.accept(grow(5, 5, 0), 0, 5)
			must(t, h.w.Close())
			spoil(t, h)
			w, err := witness.Open(h.config())
			if !errors.Is(err, witness.ErrFolder) && !errors.Is(err, fabric.ErrExposed) || w != nil {
				t.Errorf("%v", err)
			}
			dir := t.TempDir() // for the world's own end
			_, err = witness.Generate(dir, "w", false)
			must(t, err)
			h.dir = dir
			h.open()
		})
	}
}

// newForeign is a note of another log that this very witness cosigned.
func newForeign(t *testing.T, h *world) ([]byte, error) {
	t.Helper()
	const elsewhere = "example.com/eu2/ledger"
	other := newLogOf(t, elsewhere)
	cfg := h.config()
	cfg.Logs = append([]witness.Log(nil), other.config())
	w, err := witness.Open(cfg)
	must(t, err)
	_, err = w.AddCheckpoint(other.request(t, grow(5, 5, 0), 0, 5))
	must(t, err)
	must(t, w.Close())
	files, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
	must(t, err)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.HasPrefix(text, []byte(elsewhere+"\n")) {
			return text, nil
		}
	}
	return nil, errors.New("nothing of it was kept")
}

func TestOpenNeedsAll(t *testing.T) {
	h := newWorld(t)
	for name, change := range map[string]func(*witness.Config){
		"folder": func(c *witness.Config) { c.Dir = "" },
		"logs":   func(c *witness.Config) { c.Logs = nil },
		"clock":  func(c *witness.Config) { c.Clock = nil },
		"logger": func(c *witness.Config) { c.Logger = nil },
	} {
		cfg := h.config()
		change(&cfg)
		if _, err := witness.Open(cfg); err == nil || !strings.Contains(err.Error(), "required") {
			t.Errorf("without a %s: %v", name, err)
		}
	}
}
