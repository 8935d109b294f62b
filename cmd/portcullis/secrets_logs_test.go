package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// overheard is everything that one process wrote.
type overheard struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func (o *overheard) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *overheard) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// overhear starts a process of this executable that says all it can.
func overhear(t *testing.T, data string, arguments ...string) *overheard {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	o := &overheard{name: strings.Join(arguments, " "), done: make(chan struct{})}
	o.cmd = exec.Command(executable, append([]string{"--json", "--log-level", "debug", "--data", data}, arguments...)...) //nolint:noctx // this executable; crash ends it
	o.cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	o.cmd.Stdout, o.cmd.Stderr = o, o
	must(t, o.cmd.Start())
	go func() {
		defer close(o.done)
		_ = o.cmd.Wait() // how it ends is a part of the test
	}()
	t.Cleanup(func() {
		_ = o.cmd.Process.Kill() // it has ended, as a rule
		<-o.done
	})
	return o
}

// says waits until the process has written one of the words, or has ended.
func (o *overheard) says(t *testing.T, words ...string) {
	t.Helper()
	end := time.Now().Add(killLoopPatience)
	for !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(o.String(), w) }) {
		select {
		case <-o.done:
			t.Fatalf("%s ended: %s", o.name, o)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not say any of %q: %s", o.name, words, o)
		}
	}
}

// crash makes the process write every goroutine's stack and die, as it would of a
// fault in itself.
func (o *overheard) crash(t *testing.T) {
	t.Helper()
	must(t, o.cmd.Process.Signal(syscall.SIGQUIT))
	select {
	case <-o.done:
	case <-time.After(killLoopPatience):
		t.Fatalf("%s does not crash", o.name)
	}
	if !strings.Contains(o.String(), "goroutine 1 ") {
		t.Errorf("%s crashed without a word, so nothing was searched: %s", o.name, o)
	}
}

// TestSecretsStayInTheirFiles: a zone of processes that log all they can acts, opens
// sealed arguments, is halted, resumed and refused, and crashes. Whatever they
// wrote, on their outputs or on the disk, holds no private key but in its own file,
// and no word of what was sealed.
func TestSecretsStayInTheirFiles(t *testing.T) {
	t.Parallel()
	data := newZone(t)
	of := func(arguments ...string) []string {
		return append([]string{"--log-level", "debug", "--data", data}, arguments...)
	}
	done(t, of("keys", "sealing", "new", "k1")...)
	parts := []*overheard{overhear(t, data, "server")}
	parts[0].says(t, `"event":"ready"`)
	for _, part := range [][]string{{"enforcer", "e1"}, {"executor", "x1"}, {"sentinel", "s1"}, {"recorder", "r1"}} {
		parts = append(parts, overhear(t, data, part...))
	}
	for _, p := range parts {
		p.says(t, `"event":"ready"`, `"event":"running"`)
	}
	secrets := secretsOf(t, data)
	var told bytes.Buffer
	say := func(arguments ...string) (exit int) {
		out, stderr, exit := cli(t, of(arguments...)...)
		told.WriteString(out + stderr)
		return exit
	}
	if exit := say("release", "publish"); exit != exitDone {
		t.Fatalf("exit %d: %s", exit, &told)
	}
	propose := func(tool, resource string, more ...string) (exit int, stderr string) {
		out, stderr, exit := cli(t, of(append([]string{"--json", "propose", "--as", "scout", "--tool", tool, "--resource", resource}, more...)...)...)
		told.WriteString(stderr)
		secrets.absent(t, "an answer to the agent", []byte(out)) // which may hold what the agent sealed: it is his
		return exit, stderr
	}
	transfer := func(amount string) []string {
		return []string{"--seal", "k1", "--arg", "to=acme", "--arg", "amount=" + amount, "--arg", "currency=EUR", "--arg", "memo=" + sealedMemo}
	}
	for _, act := range []struct {
		tool, resource string
		more           []string
	}{
		{"file-read", "reports/q3.txt", []string{"--arg", "path=reports/q3.txt"}},
		{"file-read", "secret/plan.txt", []string{"--arg", "path=secret/plan.txt"}},
		{"transfer", "acme", transfer("5000")},
		{"transfer", "acme", transfer("250")}, // nobody serves the bank: the call fails with what it was about
	} {
		propose(act.tool, act.resource, act.more...)
	}
	for _, command := range [][]string{
		{"halt", "--scope", "tool:file-read", "--reason", "a drill of secrets"},
		{"status"},
		{"--json", "status"},
		{"keys"},
		{"keys", "sealing"},
		{"resume", "--all", "--reason", "over", "--yes"},
		{"tail", "--follow=false"},
		{"--json", "tail", "--follow=false"},
		{"export", "-o", filepath.Join(data, "ledger.pcx")},
		{"audit", filepath.Join(data, "ledger.pcx")},
		{"archive", "--to", filepath.Join(data, "archive")},
		{"lineage", "search"},
	} {
		say(command...)
	}
	for _, p := range slices.Backward(parts) {
		p.crash(t)
		secrets.absent(t, p.name, []byte(p.String()), sealedMemo)
	}
	secrets.absent(t, "the commands", told.Bytes(), sealedMemo)
	if n := secrets.absentFrom(t, data, sealedMemo); n < 20 {
		t.Errorf("%d files were searched; a data folder that was used has more", n)
	}
	if _, err := os.Stat(filepath.Join(data, "ledger.pcx")); err != nil {
		t.Errorf("there is no export, so none was searched: %v; %s", err, &told)
	}
}

// TestDamagedKeysAreNotRepeated: whatever is wrong with a key's file, and wherever
// somebody names one in another file's place, no message tells what is in it.
func TestDamagedKeysAreNotRepeated(t *testing.T) {
	t.Parallel()
	data := newZone(t)
	done(t, "--data", data, "keys", "sealing", "new", "k1")
	secrets := secretsOf(t, data)
	member := func(parts ...string) string { return filepath.Join(append([]string{"participants"}, parts...)...) }
	for name, test := range map[string]struct {
		file    string // of the folder
		damage  func([]byte) []byte
		command []string
	}{
		"a key cut short":       {"governors/g1/signing.pem", func(b []byte) []byte { return b[:len(b)-30] }, []string{"release", "plan"}},
		"a key with a comment":  {"governors/g1/signing.pem", func(b []byte) []byte { return append([]byte("# mine\n"), b...) }, []string{"halt", "--reason", "x"}},
		"two keys":              {member("agent", "scout", "signing.pem"), func(b []byte) []byte { return append(slices.Clone(b), b...) }, []string{"propose", "--as", "scout", "--tool", "file-read"}},
		"a key of one line":     {member("agent", "scout", "signing.pem"), func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte(" ")) }, []string{"propose", "--as", "scout", "--tool", "file-read"}},
		"a bent seed":           {member("enforcer", "e1", "nats.nk"), bent, []string{"enforcer", "e1"}},
		"a seed among others":   {member("enforcer", "e1", "nats.nk"), func(b []byte) []byte { return append([]byte("seed: "), b...) }, []string{"enforcer", "e1"}},
		"a bent SVID's key":     {member("executor", "x1", "svid.key"), bent, []string{"executor", "x1"}},
		"bent keys of a log":    {member("recorder", "r1", "log.keys"), bent, []string{"recorder", "r1"}},
		"keys of a log, cut":    {member("recorder", "r1", "log.keys"), func(b []byte) []byte { return b[:len(b)/2] }, []string{"recorder", "r1"}},
		"a bent sealing key":    {member("enforcer", "e1", "sealing", "k1.key"), bent, []string{"enforcer", "e1"}},
		"a bent issuer":         {"issuer/ca.key", bent, []string{"enroll", "agent", "rook"}},
		"a key as an export":    {"", nil, []string{"audit", "KEY"}},
		"a key as a proof":      {"", nil, []string{"verify", "KEY"}},
		"a key as a plan":       {"", nil, []string{"release", "sign", "KEY"}},
		"a seed as a key":       {"", nil, []string{"release", "sign", "PLAN", "--key", "SEED"}},
		"a key as a resume":     {"", nil, []string{"resume", "--sign", "KEY"}},
		"a seed as a loss":      {"", nil, []string{"loss", "--sign", "SEED"}},
		"a seed as a seal":      {"", nil, []string{"seal", "--submit", "SEED"}},
		"a key as logs":         {"", nil, []string{"witness", "--dir", "KEY", "--listen", "127.0.0.1:0", "--logs", "KEY"}},
		"a seed as logs":        {"", nil, []string{"witness", "--dir", "SEED", "--listen", "127.0.0.1:0", "--logs", "SEED"}},
		"a key as a checkpoint": {"", nil, []string{"audit", "KEY", "--checkpoint", "KEY"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			must(t, os.CopyFS(dir, os.DirFS(data)))
			must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				return os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()])
			}))
			if test.file != "" {
				path := filepath.Join(dir, test.file)
				must(t, os.WriteFile(path, test.damage(readFile(t, path)), 0o600))
			}
			arguments := []string{"--log-level", "debug", "--data", dir, "--server", "nats://127.0.0.1:1"}
			for _, a := range test.command {
				a = strings.ReplaceAll(a, "KEY", filepath.Join(dir, "governors", "g1", "signing.pem"))
				arguments = append(arguments, strings.ReplaceAll(a, "SEED", filepath.Join(dir, "governors", "g1", "nats.nk")))
			}
			out, stderr, exit := cli(t, arguments...)
			if exit == exitDone {
				t.Fatalf("nothing is wrong: %s%s", out, stderr)
			}
			secrets.absent(t, "what was said", []byte(out+stderr))
		})
	}
}

// bent makes one character in the middle of a key none of its alphabet, so that it
// is refused and most of the secret is still there.
func bent(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)/2] = '!'
	return b
}
