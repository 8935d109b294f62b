package zone_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestDamagedStore damages the files of a broker's store while nothing runs, and
// starts everything again: the broker refuses, or the recorder says that this is
// not the ledger whose checkpoints it signed; then nobody acts.
func TestDamagedStore(t *testing.T) {
	t.Parallel()
	w := recordedZone(t, asCreated)
	_, observer := w.governing()
	for range 5 {
		_, err := w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
		must(t, err)
	}
	w.evidence(observer, covered)
	w.Close()
	healthy := t.TempDir()
	must(t, os.CopyFS(healthy, os.DirFS(w.fabric.ServerDir())))
	recorded := t.TempDir()
	must(t, os.CopyFS(recorded, os.DirFS(w.fabric.RecorderDir("r1"))))
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, block string)
	}{
		{"a bit of an envelope", func(t *testing.T, block string) { t.Helper(); flip(t, block, ".outcome.", 60) }},
		{"a bit of a governance record", func(t *testing.T, block string) { t.Helper(); flip(t, block, ".governance", 200) }},
		{"a bit of a subject", func(t *testing.T, block string) { t.Helper(); flip(t, block, ".intent.", 2) }},
		{"cut off at the end", func(t *testing.T, block string) { t.Helper(); cut(t, block) }},
		{"gone", func(t *testing.T, block string) { t.Helper(); must(t, os.Remove(block)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(t, os.RemoveAll(w.fabric.RecorderDir("r1")))
			must(t, os.CopyFS(w.fabric.RecorderDir("r1"), os.DirFS(recorded)))
			rollBack(t, w.fabric, healthy)
			test.damage(t, ledgerBlock(t, w.fabric))
			w.refuses(t)
		})
	}
}

// refuses opens the zone and demands that it does not act as if nothing had
// happened.
func (w *live) refuses(t *testing.T) {
	t.Helper()
	z, err := zone.Open(t.Context(), w.config)
	if err != nil {
		t.Logf("it does not open: %v", err)
		return
	}
	defer z.Close()
	if err := z.StartAll(t.Context()); err != nil {
		t.Logf("it does not start: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- z.Ready(ctx) }()
	for fork(z) == "" {
		select {
		case err := <-stopped:
			if err != nil {
				t.Logf("it stops: %v", err)
				return
			}
		case <-ctx.Done():
			t.Fatalf("nobody says that the ledger is another: %+v, %s", z.Recordings(), z.NotReady())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Logf("the recorder says: %s", fork(z))
	if err := proposeTo(ctx, z); err == nil {
		t.Error("an action is allowed on a ledger that is another")
	}
}

// fork is what the recorder says of the ledger.
func fork(z *zone.Zone) (why string) {
	for _, r := range z.Recordings() {
		why += r.Fork
	}
	return why
}

// proposeTo asks for what a healthy zone allows.
func proposeTo(ctx context.Context, z *zone.Zone) error {
	scout, conn, err := z.Agent(ctx, "scout")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer scout.Close()
	_, err = scout.Propose(ctx, readFile(2*time.Second))
	return err
}

// ledgerBlock is the file in which a broker keeps the ledger's first messages.
func ledgerBlock(t *testing.T, f *fabric.Fabric) (block string) {
	t.Helper()
	must(t, filepath.WalkDir(f.ServerDir(), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Base(path) == "1.blk" && bytes.Contains([]byte(path), []byte("LEDGER_")) {
			block = path
		}
		return err
	}))
	if block == "" {
		t.Fatal("the store has no block of the ledger")
	}
	return block
}

// flip changes a bit behind the first place where a text stands.
func flip(t *testing.T, block, behind string, offset int) {
	t.Helper()
	data, err := os.ReadFile(block)
	must(t, err)
	i := bytes.Index(data, []byte(behind))
	if i < 0 {
		t.Fatalf("%q stands nowhere in %s", behind, block)
	}
	data[i+offset] ^= 1
	must(t, os.WriteFile(block, data, 0o600))
}

// cut takes the last quarter off a file.
func cut(t *testing.T, block string) {
	t.Helper()
	info, err := os.Stat(block)
	must(t, err)
	must(t, os.Truncate(block, info.Size()*3/4))
}
