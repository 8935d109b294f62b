//go:build unix

package fabric_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestBrakePulledWhileAnotherIsLifted: nobody lifts a brake that was pulled after
// he looked. The test is in the middle of a lift: it holds the lock and moves
// away the file that Engage found or made.
func TestBrakePulledWhileAnotherIsLifted(t *testing.T) {
	brake, dir := brakeOf(t)
	lock, err := os.OpenFile(filepath.Join(dir, "run", "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	engaged := make(chan error, 1)
	go func() { engaged <- brake.Engage("fire", pulledAt) }()
	for brake.Engaged() == "" { // at once, whoever holds the lock
		time.Sleep(time.Millisecond)
	}
	err = errors.Join(os.Rename(brake.Path(), brake.Path()+"-lifted"), lock.Close())
	if err := errors.Join(err, <-engaged); err != nil {
		t.Fatal(err)
	}
	if brake.Engaged() == "" {
		t.Error("the pull vanished")
	}
}
