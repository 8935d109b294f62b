//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptTwice: whoever waits for a pipe that nobody writes to is ended by the
// second Ctrl-C, even if who started the process had it ignore them.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	executable, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), "sh", "-c", `trap '' INT; exec "$0" "$@"`, executable, "audit", path, "--anchor", strings.Repeat("0", 63)+"1")
	must(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	eventually(t, func() bool { // it waits as soon as somebody could write
		to, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			t.Cleanup(func() { must(t, to.Close()) })
		}
		return err == nil
	})
	must(t, c.Process.Signal(os.Interrupt))
	select {
	case err := <-ended:
		t.Fatalf("the first ended it: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	must(t, c.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	select {
	case err := <-ended:
		if !errors.As(err, &exit) || exit.ExitCode() != exitError {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		must(t, c.Process.Kill())
		t.Errorf("it went on until it was killed: %v", <-ended)
	}
}
