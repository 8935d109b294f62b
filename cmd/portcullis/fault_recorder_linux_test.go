//go:build faults

package main

import (
	"strings"
	"testing"
	"time"
)

// What becomes of the evidence when the recorder's disk fails under load. Each
// test tells the same story: nothing is signed that is not on the disk, the
// recorder ends and says why, and after the mending its tree goes on where the
// disk left it and is the one that the ledger gives: it never forks itself.

func TestFaultRecorderDiskFull(t *testing.T) {
	t.Parallel()
	z := newRecorderZone(t)
	z.story(recorderFault{inflict: z.disk.fill, says: "no space left on device", lasts: true, mend: z.disk.free})
}

// TestFaultRecorderReadOnly: as for the broker's store, a running recorder meets a
// file system that turned read-only in its calls, the next one in the mount.
func TestFaultRecorderReadOnly(t *testing.T) {
	t.Parallel()
	z := newRecorderZone(t)
	z.story(recorderFault{
		inflict: func() {
			failCalls(t, z.pid("recorder"), "renameat,mkdirat,unlinkat", "EROFS")
		},
		says: "read-only file system",
		mend: func() {
			z.disk.remount("ro")
			z.failsAgain("read-only file system")
			z.disk.remount("rw")
		},
	})
}

// TestFaultRecorderSync: what was written may not be there after a power loss.
func TestFaultRecorderSync(t *testing.T) {
	t.Parallel()
	z := newRecorderZone(t)
	z.story(recorderFault{
		inflict: func() { failCalls(t, z.pid("recorder"), "fsync,fdatasync", "EIO") },
		says:    "input/output error",
		mend:    func() {},
	})
}

// recorderFault is one way for a recorder's disk to fail.
type recorderFault struct {
	inflict func()
	says    string // the cause in its log
	lasts   bool   // another process meets it too
	mend    func() // while no recorder runs
}

// recorderZone is a kill loop's zone whose recorder keeps its tree on a small disk.
type recorderZone struct {
	*killLoop
	disk *disk
}

func newRecorderZone(t *testing.T) *recorderZone {
	z := &recorderZone{killLoop: newKillLoop(t)}
	z.disk = newDisk(t, z.fabric.RecorderDir("r1"), "16m")
	z.recorded = z.disk.outside()
	return z
}

func (z *recorderZone) story(f recorderFault) {
	z.t.Helper()
	z.startParts("server")
	must(z.t, z.startRecorder())
	z.startParts("sentinel", "enforcer", "executor")
	z.connect()
	stop := z.load()
	z.awaitProgress()
	z.awaitRecorded()

	f.inflict()
	z.ends(f.says)
	z.published(z.checkDisk().Size)
	z.awaitProgress() // this zone only warns of silence
	if f.lasts {
		// If it is heard before it fails, no sentinel pulses until one has compared the
		// ledger: whether anything is executed then is a matter of milliseconds.
		z.failsAgain(f.says)
		z.published(z.checkDisk().Size)
	}

	f.mend()
	must(z.t, z.startRecorder())
	z.awaitRecorded()
	z.awaitProgress()
	stop()
	z.check()
	z.checkEvidence()
}

func (z *recorderZone) startRecorder() error {
	return z.startOn(z.disk, "recorder", "r1", "--server", z.broker.URL)
}

// ends waits until the recorder has ended by itself, and said why.
func (z *recorderZone) ends(why string) {
	z.t.Helper()
	select {
	case <-z.parts["recorder"].Done():
	case <-time.After(killLoopPatience):
		z.t.Fatal("a recorder whose disk is broken did not end")
	}
	z.awaitLog("recorder", why)
	z.awaitLog("recorder", "mend the disk, then start the recorder again")
}

// failsAgain starts a recorder on a disk that is still broken.
func (z *recorderZone) failsAgain(why string) {
	z.t.Helper()
	if err := z.startRecorder(); err == nil {
		z.ends(why)
	} else if !strings.Contains(err.Error(), why) {
		z.t.Errorf("a recorder on a broken disk does not say %q: %v", why, err)
	}
}
