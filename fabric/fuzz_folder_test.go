package fabric_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// folderFiles are the files of a data folder that are read at every start.
var folderFiles = []string{
	"fabric.json", "evidence.yaml", "records/0001-genesis.binpb",
	"participants/recorder/r1/bundle.json", "participants/recorder/r1/signing.pem", "participants/recorder/r1/svid.pem",
	"participants/recorder/r1/svid.key", "participants/recorder/r1/nats.nk", "participants/recorder/r1/nats.pub", "participants/recorder/r1/log.keys",
}

// FuzzDataFolder: whatever stands in the place of one file of a data folder, the
// folder opens as the fabric that it was or not at all, its member is loaded as
// himself or not at all, and no refusal repeats what a file of a key held.
func FuzzDataFolder(f *testing.F) {
	made := create(f, params())
	honest := map[string][]byte{}
	for i, name := range folderFiles {
		data, err := os.ReadFile(filepath.Join(made.Dir, name))
		if err != nil {
			f.Fatal(err)
		}
		honest[name] = data
		f.Add(uint8(i), data)
		f.Add(uint8(i), append([]byte("\ufeff"), data...))
		f.Add(uint8(i), append(append([]byte(nil), data...), data...))
		f.Add(uint8(i), data[:len(data)/2])
	}
	f.Add(uint8(1), []byte("listen: 127.0.0.1:1\nwitnesses: [{name: w1, url: 'http://w1.example/x?y'}]\n"))
	f.Add(uint8(1), []byte("witnesses: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := folderFiles[int(which)%len(folderFiles)]
		path := filepath.Join(made.Dir, name)
		must(t, os.WriteFile(path, data, 0o600))
		defer func() { must(t, os.WriteFile(path, honest[name], 0o600)) }()
		opened, err := fabric.Open(made.Dir)
		if err != nil {
			repeatsNothing(t, data, err)
			return
		}
		if opened.Ledger != made.Ledger {
			t.Fatalf("with another %s it is ledger %s", name, opened.Ledger)
		}
		if evidence, err := opened.Evidence(); err != nil && (evidence.Listen != "" || evidence.Witnesses != nil) {
			t.Fatalf("refused (%v), and yet %+v", err, evidence)
		}
		opened.Clock = clock
		m, err := opened.Load(pb.Role_ROLE_RECORDER, "r1", trust.Digest{})
		if err != nil {
			repeatsNothing(t, data, err)
			return
		}
		if m.ID.Role != pb.Role_ROLE_RECORDER || m.ID.Name != "r1" || m.ID.TrustDomain != made.TrustDomain || m.Bundle.Ledger != made.Ledger {
			t.Fatalf("with another %s it is %s on %s", name, m.ID, m.Bundle.Ledger)
		}
	})
}

// repeatsNothing demands that a refusal holds none of the lines of a file that a
// key's file could hold.
func repeatsNothing(t *testing.T, data []byte, err error) {
	t.Helper()
	for line := range strings.FieldsSeq(string(data)) {
		secret := strings.HasPrefix(line, "SU") || strings.HasPrefix(line, "MC4CAQ") || strings.HasPrefix(line, "MIGHAg") || strings.HasPrefix(line, "PRIVATE+KEY")
		if secret && len(line) > 24 && strings.Contains(err.Error(), line) {
			t.Fatalf("the refusal %q repeats the file of a key", err)
		}
	}
}

// FuzzMark: a mark is what Store wrote or nothing: it never lets an executor begin
// further on than it knows.
func FuzzMark(f *testing.F) {
	path := filepath.Join(f.TempDir(), "run", "mark")
	mark, err := fabric.OpenMark(path)
	if err != nil {
		f.Fatal(err)
	}
	for _, seq := range []uint64{0, 17, 1 << 63} {
		must(f, mark.Store(seq))
		data, err := os.ReadFile(path)
		must(f, err)
		f.Add(data)
		f.Add(data[:len(data)-1])
		f.Add([]byte(strings.Replace(string(data), " ", "  ", 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(path, data, 0o600))
		seq, err := mark.Load()
		if err != nil {
			if seq != 0 || !errors.Is(err, fabric.ErrMark) {
				t.Fatalf("%d, %v", seq, err)
			}
			return
		}
		must(t, mark.Store(seq))
		if again, err := os.ReadFile(path); err != nil || string(again) != string(data) {
			t.Fatalf("%q is read as %d, which is written %q, %v", data, seq, again, err)
		}
	})
}

// FuzzBrake: any bytes in the brake's file are a pulled brake, and what is told of
// them is fit for a line of a log.
func FuzzBrake(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "data")
	must(f, os.MkdirAll(filepath.Join(dir, "run"), 0o700))
	must(f, os.WriteFile(filepath.Join(dir, "fabric.json"), nil, 0o600))
	for _, text := range []string{
		"", "off", "{}", `{"brake":"portcullis-brake-v1","reason":"fire","engaged":"2026-11-22T12:00:00Z"}`,
		`{"brake":"portcullis-brake-v2","reason":"fire"}`, `{"brake":"portcullis-brake-v1","reason":"a\u001b[2Jb\n\u0000"}`, `{"brake":false}`,
		`{"brake":"portcullis-brake-v1","reason":"` + strings.Repeat("é", 400) + `"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		brake, err := fabric.OpenBrake(dir)
		must(t, err)
		must(t, os.WriteFile(brake.Path(), data, 0o600))
		why := brake.Engaged()
		if why == "" {
			t.Fatalf("%q does not brake", data)
		}
		if strings.ContainsFunc(why, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("a brake's file writes control characters into a log: %q", why)
		}
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
