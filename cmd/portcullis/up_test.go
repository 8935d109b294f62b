package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/story/process"
)

// newZone makes a data folder whose ports are free.
func newZone(t *testing.T) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	_, stderr, exit := cli(t, "--data", data, "init", "--port", freePort(t), "--bank", freeAddress(t))
	if exit != exitDone {
		t.Fatal(stderr)
	}
	return data
}

// TestUp runs `up` as a real process: it says that it is running, is the only
// one on its folder, ends cleanly, and finds its ledger again.
func TestUp(t *testing.T) {
	data := newZone(t)
	up := serve(t, data, "up")
	read := []string{"--data", data, "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"}
	if out, stderr, exit := cli(t, read...); exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	if _, stderr, exit := cli(t, "--data", data, "up"); exit != exitLocalState || !strings.Contains(stderr, "in use by another server") || !strings.Contains(stderr, "mend: stop that one first") {
		t.Errorf("a second up: exit %d: %s", exit, stderr)
	}
	must(t, up.Stop(killLoopPatience)) // an exit code other than 0 is an error
	again := begin(t, data, "up")
	if out, stderr, exit := cli(t, read...); exit != exitDone {
		t.Errorf("after a restart: exit %d: %s%s", exit, out, stderr)
	}
	if again == nil {
		return
	}
	again.Kill()
	serve(t, data, "up")
	if out, stderr, exit := cli(t, read...); exit != exitDone {
		t.Errorf("after a crash: exit %d: %s%s", exit, out, stderr)
	}
}

// TestUpWithEnrolled: what is enrolled while `up` runs takes part at once.
func TestUpWithEnrolled(t *testing.T) {
	data := newZone(t)
	serve(t, data, "up")
	for _, who := range [][]string{{"enforcer", "e9"}, {"sentinel", "s9"}, {"recorder", "r9"}, {"auditor", "a9"}, {"executor", "x9", "--tool", "file-read"}} {
		if _, stderr, exit := cli(t, append([]string{"--data", data, "enroll"}, who...)...); exit != exitDone {
			t.Fatal(stderr)
		}
	}
	read := []string{"--data", data, "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"}
	if out, stderr, exit := cli(t, read...); exit != exitDone {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
}

// TestUpRefusals: each way in which `up` cannot start says what to do.
func TestUpRefusals(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, data string) (arguments []string)
		exit  int
		says  string
	}{
		"port in use": {func(t *testing.T, _ string) []string {
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { _ = listener.Close() })
			_, port, err := net.SplitHostPort(listener.Addr().String())
			must(t, err)
			return []string{"--port", port}
		}, exitError, "stop what uses it, or choose another with --port"},
		"folder open to others": {func(t *testing.T, data string) []string {
			must(t, os.Chmod(data, 0o755))
			return nil
		}, exitLocalState, "chmod 700"},
		"key open to others": {func(t *testing.T, data string) []string {
			must(t, os.Chmod(filepath.Join(data, "governors", "g1", "signing.pem"), 0o644))
			return nil
		}, exitLocalState, "chmod 600"},
		"tools misspelt": {func(t *testing.T, data string) []string {
			must(t, os.WriteFile(filepath.Join(data, "tools.yaml"), []byte("flies: {}\n"), 0o600))
			return nil
		}, exitLocalState, "field flies not found"},
		"folder of something else": {func(t *testing.T, data string) []string {
			must(t, os.Rename(filepath.Join(data, "fabric.json"), filepath.Join(data, "other.json")))
			return nil
		}, exitLocalState, "choose another folder"},
		"records gone": {func(t *testing.T, data string) []string {
			must(t, os.Remove(filepath.Join(data, "records", "0001-genesis.binpb")))
			return nil
		}, exitLocalState, "restore"},
		"k out of reach": {func(*testing.T, string) []string { return []string{"--k", "3"} }, exitUsage, "could never agree"},
		"not a folder":   {func(*testing.T, string) []string { return []string{"--data", "/dev/null/data"} }, exitLocalState, "not a directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			data := newZone(t)
			arguments := append([]string{"--data", data, "up"}, test.spoil(t, data)...)
			_, stderr, exit := cli(t, arguments...)
			if exit != test.exit || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d, and %d is wanted, with %q: %s", exit, test.exit, test.says, stderr)
			}
		})
	}
}

// TestParts: the parts as processes of their own, in the least handy order.
func TestParts(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server")
	done := make(chan *process.Process, 4)
	for _, part := range [][]string{{"executor", "x1"}, {"enforcer", "e1"}, {"sentinel", "s1"}, {"recorder", "r1"}} {
		go func() { done <- begin(t, data, part...) }()
	}
	for range 4 {
		if p := <-done; p != nil {
			t.Cleanup(p.Kill)
		}
	}
	out, stderr, exit := cli(t, "--json", "--data", data, "propose", "--as", "scout", "--tool", "file-write", "--resource", "out/parts.txt", "--arg", "path=out/parts.txt", "--arg", "content=done")
	text, err := os.ReadFile(filepath.Join(data, "files", "out", "parts.txt"))
	if exit != exitDone || err != nil || string(text) != "done" {
		t.Errorf("exit %d, file %q, %v: %s%s", exit, text, err, out, stderr)
	}
	if _, stderr, exit := cli(t, "--data", data, "enforcer", "e7"); exit != exitError || !strings.Contains(stderr, "portcullis enroll enforcer e7") {
		t.Errorf("a stranger: exit %d: %s", exit, stderr)
	}
}

// begin starts a part whose end the caller sees to; nil after an error.
func begin(t *testing.T, data string, arguments ...string) *process.Process {
	executable, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil
	}
	p, err := process.Start(t.Context(), arguments[0], executable, append([]string{"--json", "--data", data}, arguments...)...)
	if err != nil {
		t.Error(err)
	}
	return p
}
