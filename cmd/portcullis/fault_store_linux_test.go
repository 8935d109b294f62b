//go:build faults

package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/zone"
)

// What becomes of a zone whose store fails under load. Each test tells the same
// story: nothing is acknowledged and nothing is done any more, everybody says
// why, and after the mending every acknowledged record is there and the zone
// goes on by itself.

func TestFaultDiskFull(t *testing.T) {
	t.Parallel()
	z := newStoreZone(t, "64m")
	z.story(storeFault{
		inflict: z.disk.fill,
		server:  "no space left on device",
		clients: "append outcome unknown",
		mend:    z.disk.free,
	})
}

// TestFaultLedgerFull: the broker stops at three quarters of the disk and says so.
func TestFaultLedgerFull(t *testing.T) {
	t.Parallel()
	z := newStoreZone(t, "8m")
	z.story(storeFault{
		inflict: z.flood,
		clients: "server storage is full",
		mend:    func() { z.disk.remount("size=64m") },
	})
}

// TestFaultReadOnly: a file system that its kernel has turned read-only refuses
// each write. A running server meets that as an error of the call (a tmpfs with
// open files cannot be remounted so); the next server finds a mount that is
// read-only indeed.
func TestFaultReadOnly(t *testing.T) {
	t.Parallel()
	z := newStoreZone(t, "64m")
	z.story(storeFault{
		inflict: func() { failCalls(t, z.pid("server"), "pwrite64,fsync,fdatasync", "EROFS") },
		server:  "read-only file system",
		clients: "append outcome unknown",
		mend: func() {
			z.disk.remount("ro")
			z.refusesToStart("read-only file system")
			z.disk.remount("rw")
		},
	})
}

// TestFaultSync: the data are written, but the disk does not say that it has
// them. No record may be acknowledged then.
func TestFaultSync(t *testing.T) {
	t.Parallel()
	z := newStoreZone(t, "64m")
	z.story(storeFault{
		inflict: func() { failCalls(t, z.pid("server"), "fsync,fdatasync", "EIO") },
		server:  "input/output error",
		clients: "append outcome unknown",
		mend:    func() {},
	})
}

// TestFaultUp: a whole zone in one process ends by itself and says why, and goes
// on where it was when it is started again.
func TestFaultUp(t *testing.T) {
	t.Parallel()
	z := newStoreZone(t, "64m")
	z.moveBank()
	must(t, z.startInside("up", "--trust-domain", z.fabric.TrustDomain))
	z.connect()
	stop := z.load()
	z.awaitProgress()
	z.disk.fill()
	select {
	case <-z.parts["up"].Done():
	case <-time.After(killLoopPatience):
		t.Fatal("a zone whose store is broken did not end")
	}
	z.awaitLog("up", "no space left on device; mend the disk, then start the server again")
	z.disk.free()
	must(t, z.startInside("up", "--trust-domain", z.fabric.TrustDomain))
	z.awaitProgress()
	stop()
	z.check()
	z.checkStarts()
	z.checkAudit()
	z.awaitRecorded()
	z.parts["up"].Kill()
	must(t, z.startServer())
	z.checkTree()
}

// moveBank lets the toy bank listen where nobody else does.
func (z *storeZone) moveBank() {
	z.t.Helper()
	path := filepath.Join(z.fabric.Dir, "tools.yaml")
	text, err := os.ReadFile(path)
	must(z.t, err)
	must(z.t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(zone.DefaultBank), []byte("127.0.0.1:"+freePort(z.t))), 0o600))
}

// storeFault is one way for a store to fail, and what must be said of it.
type storeFault struct {
	inflict func()
	server  string // the cause in the server's log; empty where the server itself is well
	clients string // the cause as far as the broker tells its clients
	mend    func() // while no server runs
}

// storeZone is a kill loop's zone whose server keeps its store on a small disk.
type storeZone struct {
	*killLoop
	disk *disk
}

func newStoreZone(t *testing.T, size string) *storeZone {
	l := newKillLoop(t)
	return &storeZone{killLoop: l, disk: newDisk(t, l.fabric.ServerDir(), size)}
}

func (z *storeZone) story(f storeFault) {
	z.t.Helper()
	must(z.t, z.startServer())
	z.startParts("recorder", "sentinel", "enforcer", "executor")
	z.connect()
	stop := z.load()
	z.awaitProgress()

	f.inflict()
	if f.server != "" {
		z.awaitLog("server", f.server+"; mend the disk, then start the server again")
	}
	// A server whose store failed may end; its clients say then that it is gone.
	z.awaitLog("sentinel", f.clients, "connection lost")
	z.awaitLog("executor", "the newest pulse is too old", "the ledger is disconnected")
	written, acknowledged := z.written(), z.acknowledged()
	z.proposeFails(f)
	if after := z.written(); !maps.Equal(written, after) {
		z.t.Errorf("something was done on a broken store: %d lines before, %d after", len(written), len(after))
	}
	if after := z.acknowledged(); after != acknowledged {
		z.t.Errorf("a broken store acknowledged %d records", after-acknowledged)
	}

	z.parts["server"].Kill()
	f.mend()
	must(z.t, z.startServer())
	z.awaitProgress()
	stop()
	z.check()
	z.checkStarts()
	z.checkEvidence()
}

func (z *storeZone) startServer() error { return z.startInside("server") }

// startInside starts a part that has the broker where the disk is mounted.
func (z *storeZone) startInside(part string, flags ...string) error {
	return z.startOn(z.disk, part, append([]string{"--port", z.port}, flags...)...)
}

func (z *storeZone) refusesToStart(why string) {
	z.t.Helper()
	if err := z.startServer(); err == nil || !strings.Contains(err.Error(), why) {
		z.t.Errorf("a server started on a store that cannot be written, or did not say %q: %v", why, err)
	}
}

// flood appends noise until the broker refuses it.
func (z *storeZone) flood() {
	z.t.Helper()
	subject := schemas.Subject(z.fabric.Zone, schemas.KindIntent, "mallory")
	noise := bytes.Repeat([]byte("noise "), 10_000)
	ctx, cancel := context.WithTimeout(z.t.Context(), killLoopPatience)
	defer cancel()
	for {
		if _, err := z.stray.Append(ctx, subject, noise); err != nil {
			if ctx.Err() != nil {
				z.t.Fatalf("the ledger never got full: %v", err)
			}
			return
		}
	}
}

// proposeFails proposes in a process of its own.
func (z *storeZone) proposeFails(f storeFault) {
	z.t.Helper()
	const file = "out/0.txt"
	line := []string{
		"--json", "--data", z.fabric.Dir, "--server", z.broker.URL, "propose", "--as", "scout", "--tool", "file-write",
		"--resource", file, "--arg", "path=" + file, "--arg", "content=after the fault\n", "--arg", "mode=append", "--timeout", "1s",
	}
	executable, err := os.Executable()
	must(z.t, err)
	out, err := exec.CommandContext(z.t.Context(), executable, line...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !containsAny(string(out), []string{f.clients, "no servers available"}) {
		z.t.Errorf("propose on a broken store: %v, and it does not say why: %s", err, out)
	}
}
