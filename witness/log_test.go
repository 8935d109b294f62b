package witness_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/witness"
)

func TestParseLog(t *testing.T) {
	l := newLog(t)
	got, err := witness.ParseLog(origin + "=" + strings.Join(l.verifiers, ","))
	if err != nil || !reflect.DeepEqual(got, l.config()) {
		t.Errorf("%+v, %v", got, err)
	}
	long := strings.Repeat("o", 256)
	ed, ml := l.verifiers[0], l.verifiers[1]
	w := newWorld(t).w
	for name, text := range map[string]string{
		"nothing":            "",
		"no keys":            origin,
		"empty keys":         origin + "=",
		"no origin":          "=" + ed,
		"an empty key":       origin + "=" + ed + ",",
		"one key twice":      origin + "=" + ed + "," + ml + "," + ed,
		"another's key":      origin + "/loss-1=" + ed,
		"a damaged hash":     origin + "=" + strings.Replace(ed, "+", "+0", 1),
		"a damaged key":      origin + "=" + ed[:len(ed)-3] + "AA=",
		"loose bits":         origin + "=" + ed + "=",
		"a key cut short":    origin + "=" + ml[:len(ml)/2],
		"words":              origin + "=key",
		"a witness's key":    "witness.example/w1=" + w.Verifiers()[0],
		"too long an origin": long + "=" + newLogOf(t, long[:255]).verifiers[0],
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := witness.ParseLog(text); !errors.Is(err, witness.ErrLog) {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
}

func TestReadLogs(t *testing.T) {
	l := newLog(t)
	other := newLogOf(t, "example.com/eu2/ledger")
	read := func(t *testing.T, text string) ([]witness.Log, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "logs")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return witness.ReadLogs(path)
	}
	entry := func(l log) string {
		return `{"origin": "` + l.signer.Origin() + `", "keys": ["` + strings.Join(l.verifiers, `", "`) + `"]}`
	}
	for name, text := range map[string]string{
		"JSON": `{"logs": [` + entry(l) + `, ` + entry(other) + `]}`,
		"YAML": "# ours\nlogs:\n- " + entry(l) + "\n- origin: " + other.signer.Origin() + "\n  keys:\n  - " + other.verifiers[0] + "\n  - " + other.verifiers[1] + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := read(t, text); err != nil || !reflect.DeepEqual(got, []witness.Log{l.config(), other.config()}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"an unknown field": "logs: []\nmore: 1\n",
		"a misspelt field": "logs:\n- origin: a\n  key: [b]\n",
		"a list":           "- origin: a\n",
		"two documents":    "logs: []\n---\nlogs: []\n",
		"a broken second":  "logs: []\n---\n{\n",
		"no YAML":          "{\n",
		"too much":         "logs: []\n" + strings.Repeat("#\n", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := read(t, text); !errors.Is(err, witness.ErrLog) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if _, err := witness.ReadLogs(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
