//go:build faults

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/story/process"
)

// disk is a small file system of its own for one folder: a tmpfs in a mount
// namespace that a keeper process holds open. It outlives the servers that run
// on it, and nobody outside the namespace sees it. Who is not root gets a user
// namespace as well.
type disk struct {
	t      *testing.T
	dir    string
	keeper int // process id
}

func newDisk(t *testing.T, dir, size string) *disk {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	arguments := []string{"--mount"}
	if os.Geteuid() != 0 {
		arguments = append(arguments, "--user", "--map-root-user")
	}
	// The keeper ends with its standard input, so it never outlives the test.
	arguments = append(arguments, "sh", "-c", `mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2" && echo mounted && exec cat`, "sh", size, dir)
	keeper := exec.Command("unshare", arguments...) //nolint:noctx // ends with its input
	keeper.Stderr = os.Stderr
	hold, err := keeper.StdinPipe()
	must(t, err)
	out, err := keeper.StdoutPipe()
	must(t, err)
	must(t, keeper.Start())
	t.Cleanup(func() {
		must(t, hold.Close())
		must(t, keeper.Wait())
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "mounted\n" {
		t.Fatalf("no tmpfs in a mount namespace of one's own (%v); allow user namespaces, or run the test as root", err)
	}
	return &disk{t: t, dir: dir, keeper: keeper.Process.Pid}
}

// inside is the command line that runs another one where the disk is mounted.
func (d *disk) inside(command ...string) []string {
	enter := []string{"nsenter", "--target", strconv.Itoa(d.keeper), "--mount"}
	if os.Geteuid() != 0 {
		enter = append(enter, "--user", "--preserve-credentials")
	}
	return append(enter, command...)
}

func (d *disk) remount(options string) {
	d.t.Helper()
	line := d.inside("mount", "-t", "tmpfs", "-o", "remount,"+options, "tmpfs", d.dir)
	if out, err := exec.CommandContext(d.t.Context(), line[0], line[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("remounting with %s: %v: %s", options, err, out)
	}
}

// outside is the folder as it is reached from outside.
func (d *disk) outside() string {
	return filepath.Join("/proc", strconv.Itoa(d.keeper), "root", d.dir)
}

// ballast is a file that takes up room.
func (d *disk) ballast() string { return filepath.Join(d.outside(), "ballast") }

// fill takes up all the room that is left.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	must(d.t, err)
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatalf("filling the disk ended with %v", err)
	}
	must(d.t, f.Close())
}

func (d *disk) free() {
	d.t.Helper()
	must(d.t, os.Remove(d.ballast()))
}

// startOn starts a part where a disk is mounted.
func (l *killLoop) startOn(d *disk, part string, arguments ...string) error {
	l.t.Helper()
	executable, err := os.Executable()
	must(l.t, err)
	line := append([]string{"-c", `echo $$ >"$0" && exec "$@"`, l.pidFile(part)}, d.inside(
		executable, "--json", "--log-level", "info", "--data", l.fabric.Dir, part)...)
	ctx, cancel := context.WithTimeout(l.t.Context(), killLoopPatience)
	defer cancel()
	p, err := process.Start(ctx, part, "sh", append(line, arguments...)...)
	if err == nil {
		l.parts[part] = p
	}
	return err
}

func (l *killLoop) pidFile(part string) string {
	return filepath.Join(filepath.Dir(l.fabric.Dir), part+".pid")
}

// pid is the process id of a part that startOn started.
func (l *killLoop) pid(part string) int {
	l.t.Helper()
	text, err := os.ReadFile(l.pidFile(part))
	must(l.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(l.t, err)
	return pid
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// failCalls makes every call of some system calls of a running process fail from
// now on, as its kernel would after a fault of the disk, until the process ends.
func failCalls(t *testing.T, pid int, calls, errno string) {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("%v; install the package strace, which injects the fault", err)
	}
	strace := exec.Command(path, "-f", "-o", "/dev/null", "-e", "trace="+calls, "-e", "inject="+calls+":error="+errno, "-p", strconv.Itoa(pid)) //nolint:noctx // ends with the process
	messages, err := strace.StderrPipe()
	must(t, err)
	must(t, strace.Start())
	t.Cleanup(func() {
		_ = strace.Process.Kill() // it has ended with its process, unless the test failed early
		_ = strace.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(messages); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "attached") {
			go func() { _, _ = io.Copy(io.Discard, messages) }()
			return
		}
	}
	t.Fatalf("strace cannot attach to the process; allow ptrace (as root, or kernel.yama.ptrace_scope=0): %s", &said)
}
