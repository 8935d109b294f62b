package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/story/process"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares text with testdata/name, or writes it there with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o750))
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs; see what changed with -update and git diff. Got:\n%s", path, got)
	}
}

// cli runs portcullis in this process.
func cli(t *testing.T, arguments ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exit = run(ctx, arguments, &out, &errs)
	return out.String(), errs.String(), exit
}

// session runs command lines one after the other and writes down what a person
// would see, with what varies replaced by words.
type session struct {
	t    *testing.T
	data string
	text strings.Builder
}

func (s *session) run(arguments ...string) {
	s.t.Helper()
	stdout, stderr, exit := cli(s.t, append([]string{"--data", s.data}, arguments...)...)
	quoted := make([]string, len(arguments))
	for i, a := range arguments {
		quoted[i] = a
		if strings.ContainsAny(a, ` {"`) {
			quoted[i] = "'" + a + "'"
		}
	}
	fmt.Fprintf(&s.text, "$ portcullis %s\n%s", strings.Join(quoted, " "), stdout)
	for line := range strings.Lines(stderr) {
		fmt.Fprintf(&s.text, "! %s", line)
	}
	fmt.Fprintf(&s.text, "= exit %d\n\n", exit)
}

func (s *session) note(text string) { fmt.Fprintf(&s.text, "# %s\n\n", text) }

// normal replaces what differs from run to run.
func (s *session) normal() string {
	text := strings.ReplaceAll(s.text.String(), s.data, "DATA")
	for _, r := range []struct{ pattern, word string }{
		{`\b[0-9a-f]{64}\b`, "DIGEST"},
		{`\b[0-9a-f]{16}\b`, "KEY"},
		{`\bU[A-Z2-7]{55}\b`, "NKEY"},
		{`--port \d+`, "--port PORT"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`\d{4}-\d\d-\d\dT[0-9:.]+Z`, "TIME"},
		{`("(?:claim|outcome_at|intent_at|decided_at)":)"\d+\.\d+"`, `$1"AT"`},
		{`(claim|outcome|decision|at)( +)\d+\.\d+\b`, "${1}${2}AT"},
		{`go1\.\S+`, "GO"},
		{`portcullis (\(devel\)|v\S+|unknown)\n`, "portcullis VERSION\n"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.word)
	}
	return text
}

func freeAddress(t *testing.T) string { return net.JoinHostPort("127.0.0.1", freePort(t)) }

// serve starts a part of a zone as a process, to be stopped at the end.
func serve(t *testing.T, data string, arguments ...string) *process.Process {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), killLoopPatience)
	defer cancel()
	p, err := process.Start(ctx, arguments[0], executable, append([]string{"--json", "--data", data}, arguments...)...)
	must(t, err)
	t.Cleanup(func() {
		if err := p.Stop(killLoopPatience); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestSession is a newcomer's first hour; testdata/session.txt reads as one.
func TestSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	read := []string{"propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"}
	transfer := func(amount string) []string {
		return []string{"propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "amount=" + amount, "--arg", "currency=EUR"}
	}
	s.note("Nothing is there yet.")
	s.run(read...)
	s.run("init", "--port", freePort(t), "--bank", freeAddress(t))
	s.run("--json", "init")
	s.note("A trust domain is there, and nothing runs.")
	s.run(read...)
	s.run(append([]string{"--json"}, read...)...)
	s.run("enroll", "agent", "robin", "--group", "staff", "--tool", "file-read")
	s.run("keys")
	s.note("Only the broker runs: nobody decides.")
	server := serve(t, s.data, "server")
	s.run(append(read, "--timeout", "200ms")...)
	must(t, server.Stop(killLoopPatience))
	s.note("Everything runs.")
	serve(t, s.data, "up")
	s.run(read...)
	s.run(append([]string{"--json"}, read...)...)
	s.run(transfer("250")...)
	s.run(transfer("5000")...)
	s.run(append(transfer("250"), "--evaluate")...)
	s.run(append([]string{"--json"}, append(transfer("5000"), "--evaluate")...)...)
	s.run(append([]string{"--json"}, transfer("5000")...)...)
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/none.txt", "--args", `{"path":"reports/none.txt"}`)
	s.run("propose", "--as", "mallory", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	s.run("enroll", "agent", "wren", "--group", "staff", "--tool", "file-read")
	s.run("--json", "enroll", "auditor", "watcher")
	s.run("propose", "--as", "wren", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	s.note("What is typed wrongly is not done.")
	s.run("propose", "--tool", "file-read")
	s.run("propose", "--as", "nobody", "--tool", "file-read", "--resource", "x")
	s.run(transfer("much")...)
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "x", "--args", "[]")
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "x", "--arg", "path")
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "x", "--arg", "path=x", "--args", "{}")
	s.run(append(read, "--timeout", "0s")...)
	s.run("enroll", "governor", "g2")
	s.run("--log-level", "loud", "keys")
	s.run("--server", "nats://127.0.0.1:1", "--context", "x", "keys")
	s.run("nonsense")
	golden(t, "session.txt", s.normal())
}

// TestPolicySession is about a release's source.
func TestPolicySession(t *testing.T) {
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	s.run("policy", "lint")
	s.run("init")
	s.run("policy", "lint")
	s.run("policy", "test")
	explain := []string{"policy", "explain", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "currency=EUR", "--arg"}
	s.run(append(explain, "amount=1000")...)
	s.run(append(explain, "amount=1001")...)
	s.run(append([]string{"--json"}, append(explain, "amount=1001")...)...)
	s.run("policy", "explain", "--as", "mallory", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme")
	s.run("policy", "explain", "--as", "nobody", "--tool", "transfer", "--resource", "acme")
	s.note("A policy is written that cannot be meant, and one that no case knows.")
	money := filepath.Join(s.data, "release", "policies", "money.cedar")
	text, err := os.ReadFile(money)
	must(t, err)
	must(t, os.WriteFile(money, []byte(string(text)+"\n@id(\"more\")\npermit (principal in Group::\"staff\", action == Action::\"http-get\", resource);\n"), 0o600))
	s.run("policy", "test")
	s.run("--json", "policy", "test")
	must(t, os.WriteFile(money, []byte(strings.ReplaceAll(string(text), "amount <=", "amuont <=")), 0o600))
	s.run("policy", "lint")
	s.run("--json", "policy", "lint")
	must(t, os.WriteFile(filepath.Join(s.data, "release", "limits.yaml"), []byte("limits: 7\n"), 0o600))
	s.run("policy", "lint")
	golden(t, "policy.txt", s.normal())
}

// rewrite edits a file.
func rewrite(t *testing.T, path string, edit func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(edit(string(text))), 0o600))
}
