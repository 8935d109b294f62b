package local

import (
	"testing"
)

// FuzzMessage: what is taken can be written, and says the same again; nothing panics.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"format":1,"ask":{"key":"k","session":"s","tool":"shell","resource":"r","arguments":{"a":"\u0000\n"}}}`,
		`{"format":1,"report":{"key":"k","status":"done","result":{"exit":0}}}`,
		`{"format":1,"go":{"intent":"i","claim":"1.0","deadline":"2026-01-01T00:00:00Z","boot_ns":1}}`,
		`{"format":1,"stop":{"why":""}}`, `{"format":2,"stop":{"why":""}}`, `{}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := decode(line)
		if err != nil {
			return
		}
		text, err := m.encode()
		if err != nil {
			return // longer than what was read, by escapes
		}
		again, err := decode(text)
		if err != nil {
			t.Fatalf("%s was taken from %s and is refused: %v", text, line, err)
		}
		if twice, err := again.encode(); err != nil || string(twice) != string(text) {
			t.Fatalf("%s became %s, %v", text, twice, err)
		}
	})
}

// TestMessagesThatAreRefused: each of them could be taken for something else.
func TestMessagesThatAreRefused(t *testing.T) {
	for name, line := range map[string]string{
		"no format":           `{"stop":{"why":"x"}}`,
		"another format":      `{"format":2,"stop":{"why":"x"}}`,
		"nothing":             `{"format":1}`,
		"two bodies":          `{"format":1,"stop":{"why":"x"},"wait":{"text":"x"}}`,
		"an unknown member":   `{"format":1,"stop":{"why":"x","when":1}}`,
		"a name twice":        `{"format":1,"stop":{"why":"x","why":"y"}}`,
		"another case":        `{"format":1,"Stop":{"why":"x"}}`,
		"something after it":  `{"format":1,"stop":{"why":"x"}}{}`,
		"invalid UTF-8":       "{\"format\":1,\"stop\":{\"why\":\"\xff\"}}",
		"an ask without key":  `{"format":1,"ask":{"key":"","session":"","tool":"t","resource":"r","arguments":{}}}`,
		"arguments, a list":   `{"format":1,"ask":{"key":"k","session":"","tool":"t","resource":"r","arguments":[]}}`,
		"no arguments":        `{"format":1,"ask":{"key":"k","session":"","tool":"t","resource":"r"}}`,
		"an unknown status":   `{"format":1,"report":{"key":"k","status":"fine"}}`,
		"no status":           `{"format":1,"report":{"key":"k"}}`,
		"a go without intent": `{"format":1,"go":{"intent":"","claim":"","deadline":"2026-01-01T00:00:00Z","boot_ns":1}}`,
	} {
		if m, err := decode([]byte(line)); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
