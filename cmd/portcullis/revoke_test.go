package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestRevokeSession takes a zone apart, one identity and one key after the other;
// testdata/revoke.txt tells it.
func TestRevokeSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	read := []string{"--json", "propose", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt", "--as"}
	if _, stderr, exit := cli(t, "--data", s.data, "init", "--governors", "3", "--executors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	f, err := fabric.Open(s.data)
	must(t, err)
	keyOf := func(role pb.Role, name string) string {
		m, err := f.Load(role, name, trust.Digest{})
		must(t, err)
		return m.Key.ID().String()
	}
	governors := make(map[string]string)
	for _, name := range []string{"g1", "g2", "g3"} {
		g, err := f.Governor(name)
		must(t, err)
		governors[name] = g.Key.ID().String()
	}
	second := filepath.Join(s.data, "governors", "g2", "signing.pem")
	away := filepath.Join(t.TempDir(), "g2.pem")
	must(t, os.Rename(second, away))
	must(t, os.Rename(filepath.Join(s.data, "governors", "g3", "signing.pem"), filepath.Join(t.TempDir(), "g3.pem")))

	s.note("No ledger can be reached.")
	s.run("revoke", "agent", "mallory", "--reason", "left")
	for _, part := range [][]string{{"server"}, {"enforcer", "e1"}, {"recorder", "r1"}, {"sentinel", "s1"}, {"executor", "x1"}, {"executor", "x2"}} {
		serve(t, s.data, part...)
	}
	s.note("What cannot be meant is not done.")
	s.run("revoke", "agent", "mallory")
	s.run("revoke", "agent", "mallory", "--reason", " ")
	s.run("revoke", "--reason", "left")
	s.run("revoke", "agent", "mallory", "--key", "0123abcd", "--reason", "left")
	s.run("revoke", "agent", "mallory", "--reason", "left", "--wait", "-1s")
	s.run("revoke", "spy", "mallory", "--reason", "left")
	s.run("revoke", "agent", "malory", "--reason", "left")
	s.run("revoke", "approver", "p1", "--reason", "left")
	s.run("revoke", "mallory", "--reason", "left")
	s.run("revoke", "governor", "g2", "--reason", "left")
	s.run("revoke", "governor", "g9", "--reason", "left")
	s.run("revoke", "--key", "0123abc", "--reason", "left")
	s.run("revoke", "--key", "0123ABCD", "--reason", "left")
	s.run("revoke", "--key", strings.Repeat("0", 64), "--reason", "left")
	s.note("Somebody who is not in the directory, and a key of somebody who is.")
	s.run("--json", "revoke", "spiffe://elsewhere.example/home/agent/robin", "--reason", "a partner's", "--wait", "0")
	s.run("--json", "revoke", "--key", keyOf(pb.Role_ROLE_EXECUTOR, "x2"), "--reason", "a disk was stolen")
	s.run("revoke", "--key", keyOf(pb.Role_ROLE_EXECUTOR, "x2")[:8], "--reason", "a disk was stolen")
	s.note("An agent. Only x1 can confirm it now.")
	s.run(append(read, "scout")...)
	s.run("revoke", "agent", "scout", "--reason", "its host was lost")
	s.run(append(read, "scout")...)
	s.run("revoke", "agent", "scout", "--reason", "its host was lost")
	s.run("revoke", "--key", keyOf(pb.Role_ROLE_AGENT, "scout")[:16], "--reason", "its host was lost")
	s.note("A governor's key takes two of the three, and two must be left.")
	s.run("revoke", "--key", governors["g3"][:16], "--reason", "he has left")
	must(t, os.Rename(away, second))
	s.run("revoke", "--key", governors["g3"][:16], "--reason", "he has left")
	s.run("revoke", "--key", governors["g2"][:16], "--reason", "he has left")
	s.run("halt", "--drill", "--reason", "two governors are left", "--wait", "0")
	s.note("The last ones of their kind.")
	s.run("revoke", "executor", "x1", "--reason", "it is old")
	s.run("revoke", "enforcer", "e1", "--reason", "it is old")
	s.run("revoke", "sentinel", "s1", "--reason", "it is old")
	text := regexp.MustCompile(`"introduced_at":\d+`).ReplaceAllString(s.steady(), `"introduced_at":N`)
	golden(t, "revoke.txt", text)
}

// TestRevokeUnconfirmed: a revocation stands whether anybody confirms it or not;
// who breaks off waiting is told so, and it cannot be made again.
func TestRevokeUnconfirmed(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server") // no executor will confirm
	out, stderr, exit := cli(t, "--data", data, "revoke", "agent", "scout", "--reason", "lost", "--wait", "100ms")
	if exit != exitUnconfirmed || !strings.Contains(out, "it has introduced no key\n") ||
		!strings.Contains(out, "x1  silent; it cannot start what this ends later than 250 ms after it") || !strings.Contains(out, "not confirmed by x1 within 100ms; the revocation stands") {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var live, errs pipe
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--data", data, "revoke", "agent", "mallory", "--reason", "lost", "--wait", "1m"}, &live, &errs)
	}()
	eventually(t, func() bool { return strings.Contains(live.String(), "revoked agent mallory at ledger position") })
	cancel()
	if code := <-ended; code != exitUnconfirmed || !strings.Contains(live.String()+errs.String(), "interrupted: the revocation stands") {
		t.Errorf("exit %d: %s%s", code, live.String(), errs.String())
	}
	for _, agent := range []string{"scout", "mallory"} {
		if out, stderr, exit := cli(t, "--data", data, "revoke", "agent", agent, "--reason", "lost"); exit != exitError || out != "" || !strings.Contains(stderr, "is revoked already") {
			t.Errorf("%s again: exit %d: %s%s", agent, exit, out, stderr)
		}
	}
}

// TestRevokeWithAWrongKey: a key that is no governor's revokes nobody, and
// nothing is appended.
func TestRevokeWithAWrongKey(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server")
	key := filepath.Join(data, "governors", "g1", "signing.pem")
	must(t, os.Remove(key))
	stranger, err := trust.GenerateKey()
	must(t, err)
	must(t, writeKey(key, stranger))
	out, stderr, exit := cli(t, "--data", data, "revoke", "agent", "scout", "--reason", "lost")
	if exit != exitError || !strings.Contains(stderr, "0 of 1 that must; not yet: g1") || !strings.Contains(stderr, "mend: put them into") || strings.Contains(out, "revoked") {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	if records, stderr, exit := cli(t, "--data", data, "tail", "--from", "1", "--follow=false"); exit != exitDone || strings.Contains(records, "scout") || !strings.Contains(records, "genesis") {
		t.Errorf("exit %d: %s%s", exit, records, stderr)
	}
}

// TestRevokeUnsent: nobody is told that nothing was done where that is not known.
func TestRevokeUnsent(t *testing.T) {
	other := errors.New("other")
	for _, test := range []struct {
		err  error
		exit int
		says string
	}{
		{nil, exitDone, ""},
		{other, exitError, "other"},
		{unreachable(other), exitUnreachable, "other"},
		{&streams.AppendError{Class: streams.ErrUnknown, Cause: other}, exitUnanswered, "it may stand or not; revoke again, which is refused if it stands"},
	} {
		err := revokeUnsent(test.err)
		if exitOf(err) != test.exit || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: exit %d, %v", test.err, exitOf(err), err)
		}
	}
}

// TestRevokeTellsHowFarExecutorsCame: each stage of confirming has words of its
// own, and none sounds better than it is.
func TestRevokeTellsHowFarExecutorsCame(t *testing.T) {
	beat := &pb.Heartbeat{Position: 7, Running: 3, HaltedRunning: 2}
	for _, test := range []struct {
		one  zone.Confirmation
		says string
	}{
		{zone.Confirmation{Folded: -1, Settled: -1}, "silent; it cannot start what this ends later than 250 ms after it: a claim behind it is void"},
		{zone.Confirmation{Beat: beat, Folded: -1, Settled: -1}, "behind: folded to 7 only; it cannot start what this ends later than 250 ms after it: a claim behind it is void"},
		{zone.Confirmation{Beat: beat, Folded: 1, Settled: -1}, "not quiescent: 3 running, 2 of them told to stop"},
	} {
		if got := unconfirmedRevoke(test.one, 250*time.Millisecond); got != test.says {
			t.Errorf("%q; want %q", got, test.says)
		}
	}
	if got := stopping(&pb.Heartbeat{Running: 3}); got != "3 running" {
		t.Error(got)
	}
}
