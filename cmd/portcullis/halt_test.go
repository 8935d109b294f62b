package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestHaltSession pulls every kind of brake; testdata/halt.txt reads as an
// emergency drill.
func TestHaltSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	read := []string{"--json", "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt", "--timeout", "2s"}
	s.note("Where no fabric is, nothing can be braked.")
	s.run("halt", "--local", "--reason", "fire")
	_, stderr, exit := cli(t, "--data", s.data, "init", "--port", freePort(t), "--bank", freeAddress(t))
	if exit != exitDone {
		t.Fatal(stderr)
	}
	s.note("No ledger can be reached; the brake needs none.")
	s.run("halt", "--reason", "fire")
	s.run("halt", "--local")
	s.run("halt", "--local", "--drill", "--reason", "fire")
	s.run("halt", "--local", "--reason", "fire")
	s.run("halt", "--local", "--reason", "the same fire")
	serve(t, s.data, "server")
	serve(t, s.data, "enforcer", "e1")
	serve(t, s.data, "recorder", "r1")
	serve(t, s.data, "sentinel", "s1")
	s.note("Nobody has started an executor: a drill names it.")
	s.run("halt", "--drill", "--reason", "weekly", "--wait", "100ms")
	s.run("resume", "--local")
	s.run("resume", "--local", "--reason", "it is out")
	s.run("resume", "--local", "--reason", "it is out")
	serve(t, s.data, "executor", "x1")
	s.run(read...)
	s.note("A drill, and a halt that is not waited for.")
	s.run("halt", "--drill", "--reason", "weekly")
	s.run("--json", "halt", "--drill", "--reason", "weekly")
	s.run("halt", "--scope", "tool:nothing", "--reason", "a tool that nobody serves")
	s.run("--json", "halt", "--reason", "fire", "--wait", "0s")
	s.run("halt", "--reason", "fire", "--wait", "-1s")
	s.run("halt", "--drill", "--scope", "zone", "--reason", "both")
	s.run("resume", "--all", "--reason", "over")
	golden(t, "halt.txt", s.steady())
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never was so")
		}
	}
}

// pipe is an output that a test reads while it is written.
type pipe struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *pipe) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// TestHaltInterrupted: whoever breaks off waiting has halted all the same, and is
// told so.
func TestHaltInterrupted(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server") // nobody will confirm
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs pipe
	exit := make(chan int, 1)
	go func() {
		exit <- run(ctx, []string{"--data", data, "halt", "--reason", "fire", "--wait", "1m"}, &out, &errs)
	}()
	eventually(t, func() bool { return strings.Contains(out.String(), "halted global at ledger position") })
	cancel()
	if code := <-exit; code != exitUnconfirmed || !strings.Contains(out.String()+errs.String(), "interrupted: the halt stands") {
		t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
	}
	stdout, stderr, code := cli(t, "--data", data, "resume")
	if code != exitDone || !strings.Contains(stdout, `global  "fire"`) {
		t.Errorf("the halt does not stand: exit %d: %s%s", code, stdout, stderr)
	}
}

// TestHaltWithAnExposedKey: one governor's key that others can read is no reason
// not to halt where another's is good; alone it is refused.
func TestHaltWithAnExposedKey(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--port", freePort(t), "--governors", "2"); exit != exitDone {
		t.Fatal(stderr)
	}
	serve(t, data, "server")
	must(t, os.Chmod(filepath.Join(data, "governors", "g1", "signing.pem"), 0o644))
	out, stderr, exit := cli(t, "--data", data, "halt", "--reason", "fire", "--wait", "0")
	if exit != exitDone || !strings.Contains(out, "halted global") || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	must(t, os.RemoveAll(filepath.Join(data, "governors", "g2", "signing.pem")))
	if _, stderr, exit = cli(t, "--data", data, "halt", "--reason", "fire"); exit != exitLocalState || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

// TestHaltWithAWrongKey: a key that is no governor's halts nothing and lifts
// nothing, and whoever tries is told.
func TestHaltWithAWrongKey(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server")
	if out, stderr, exit := cli(t, "--data", data, "halt", "--reason", "fire", "--wait", "0"); exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	key := filepath.Join(data, "governors", "g1", "signing.pem")
	must(t, os.Remove(key))
	stranger, err := trust.GenerateKey()
	must(t, err)
	must(t, writeKey(key, stranger))
	if out, stderr, exit := cli(t, "--data", data, "halt", "--reason", "more", "--wait", "0"); exit != exitError || !strings.Contains(stderr, "no governors by the release in force") || out != "" {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	out, stderr, exit := cli(t, "--data", data, "resume", "--all", "--reason", "over")
	if exit != exitError || !strings.Contains(stderr, "put the right key there") || strings.Contains(out, "resume-") {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	if out, _, _ := cli(t, "--data", data, "resume"); !strings.Contains(out, `"fire"`) || strings.Contains(out, `"more"`) {
		t.Errorf("in force: %s", out)
	}
}

// TestHaltWithAWrongClock: a clock that is off by a minute is warned of, and the
// halt goes through.
func TestHaltWithAWrongClock(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server")
	f, err := fabric.Open(data)
	must(t, err)
	f.Clock = func() time.Time { return time.Now().Add(-time.Minute) }
	var out, errs strings.Builder
	g := &globals{stdout: &out, stderr: &errs}
	log, err := g.logger()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	gov, err := zone.Govern(ctx, f, zone.Broker{URL: f.NATS.URL}, log)
	must(t, err)
	defer gov.Close()
	must(t, g.haltBy(ctx, ctx, f, gov, haltFlags{scope: "global", reason: "fire"}))
	if !strings.Contains(out.String(), "halted global") || !strings.Contains(errs.String(), "differs from the ledger's by -1m0s") {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}

// TestHaltUnsent: whoever cannot halt through the ledger is told how to halt
// without it, and is never told that nothing was done where that is not known.
func TestHaltUnsent(t *testing.T) {
	g := &globals{data: "DATA"}
	other := errors.New("other")
	for _, test := range []struct {
		err  error
		exit int
		says string
	}{
		{nil, exitDone, ""},
		{other, exitError, "other"},
		{unreachable(other), exitUnreachable, "other; stop the executors of this machine with: portcullis halt --local --reason TEXT --data DATA"},
		{&streams.AppendError{Class: streams.ErrUnknown, Cause: other}, exitUnanswered, "it may stand or not, see portcullis resume; stop"},
	} {
		err := g.haltUnsent(test.err)
		if exitOf(err) != test.exit || (err == nil) != (test.err == nil) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: exit %d, %v", test.err, exitOf(err), err)
		}
	}
}

// TestHaltEvents: with --json every line is one event.
func TestHaltEvents(t *testing.T) {
	data := newZone(t)
	serve(t, data, "up")
	out, stderr, exit := cli(t, "--data", data, "--json", "halt", "--reason", "fire")
	if exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	var events []string
	for line := range strings.Lines(out) {
		var event struct {
			Event    string
			Position uint64
			BoundMS  float64 `json:"bound_ms"`
		}
		must(t, json.Unmarshal([]byte(line), &event))
		events = append(events, event.Event)
		if event.Event == "done" && event.BoundMS != 250 {
			t.Errorf("bound %v", event.BoundMS)
		}
	}
	if got := strings.Join(events, " "); got != "halted confirmed done" {
		t.Errorf("events: %s", got)
	}
}
