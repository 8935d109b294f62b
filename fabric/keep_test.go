package fabric_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
)

// TestKeepLearnsWhatWasPublishedElsewhere: two copies of one folder, as two
// governors have them.
func TestKeepLearnsWhatWasPublishedElsewhere(t *testing.T) {
	here := create(t, params())
	there := copyOf(t, here)
	for _, max := range []string{"6000", "7000"} {
		limits, err := os.ReadFile(filepath.Join(there.ReleaseDir(), "limits.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		put(t, there.ReleaseDir(), "limits.yaml", strings.NewReplacer("5000", max, "6000", max).Replace(string(limits)))
		if data, err := there.Publish(); err != nil || data == nil {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
	}
	records, err := there.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if added, err := here.Keep(records[1:]); err != nil || added != want {
			t.Errorf("kept %d, want %d: %v", added, want, err)
		}
	}
	if a, b := state(t, here), state(t, there); a.Head() != b.Head() || a.Release().Proto.GetVersion() != 3 {
		t.Errorf("head %v, want %v", a.Head(), b.Head())
	}
}

func TestKeepRefuses(t *testing.T) {
	here := create(t, params())
	there := copyOf(t, here)
	for i, f := range []*fabric.Fabric{here, there} {
		edit(t, f.ReleaseDir(), "limits.yaml", "5000", []string{"6000", "7000"}[i])
		if _, err := f.Publish(); err != nil {
			t.Fatal(err)
		}
	}
	records, err := there.Records()
	if err != nil {
		t.Fatal(err)
	}
	stranger := create(t, params())
	foreign, err := stranger.Enroll(clerk)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		envelopes [][]byte
		want      string
	}{
		"another release 2 is here": {records[1:], "0003-release-2.binpb holds another release 2"},
		"no release":                {records[:1], "no release"},
		"not an envelope":           {[][]byte{[]byte("x")}, "envelope"},
		"another ledger's":          {[][]byte{foreign.Record}, "another release 2"},
	} {
		if added, err := here.Keep(tt.envelopes); err == nil || added != 0 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: kept %d, %v", name, added, err)
		}
	}
	fresh := copyOf(t, create(t, params()))
	if added, err := fresh.Keep([][]byte{foreign.Record}); !errors.Is(err, fabric.ErrRecords) || added != 0 {
		t.Errorf("a release that does not follow: kept %d, %v", added, err)
	}
}

// copyOf is a fabric on another machine.
func copyOf(t *testing.T, f *fabric.Fabric) *fabric.Fabric {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(f.Dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := fabric.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	copied.Clock = clock
	return copied
}

func TestReadSigningKeyRefuses(t *testing.T) {
	f := create(t, params())
	dir := t.TempDir()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "good.pem", string(pem))
	put(t, dir, "text.pem", "not a key\n")
	put(t, dir, "two.pem", string(pem)+string(pem))
	put(t, dir, "open.pem", string(pem))
	if err := os.Chmod(filepath.Join(dir, "open.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("good.pem", filepath.Join(dir, "link.pem")); err != nil {
		t.Fatal(err)
	}
	if got, err := fabric.ReadSigningKey(filepath.Join(dir, "good.pem")); err != nil || got.ID() != key.ID() {
		t.Errorf("a good key: %v", err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "text.pem"):           "no plain PEM block",
		filepath.Join(dir, "two.pem"):            "one key in a file",
		filepath.Join(dir, "open.pem"):           "chmod 600",
		filepath.Join(dir, "link.pem"):           "symbolic link",
		filepath.Join(dir, "none.pem"):           "no such file",
		dir:                                      "is a folder; name the key's file in it",
		filepath.Join(f.Dir, "issuer", "ca.key"): "a signing key is Ed25519",
	} {
		if _, err := fabric.ReadSigningKey(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
