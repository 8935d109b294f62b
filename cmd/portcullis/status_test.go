package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStatusSession is the status of a zone as it comes up and goes down;
// testdata/status.txt tells it.
func TestStatusSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	if _, stderr, exit := cli(t, "--data", s.data, "init", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	s.note("Nothing runs.")
	s.run("status")
	s.note("Only the broker runs.")
	serve(t, s.data, "server")
	s.run("status")
	serve(t, s.data, "enforcer", "e1")
	serve(t, s.data, "recorder", "r1")
	serve(t, s.data, "sentinel", "s1")
	executor := serve(t, s.data, "executor", "x1")
	s.note("Everybody runs.")
	s.until("x1", "armed")
	eventually(t, func() bool { return statusOf(t, s.data).Evidence.State == "covered" })
	s.run("status")
	s.run("status", "--wide")
	s.run("halt", "--scope", "tool:transfer", "--reason", "the bank called")
	s.note("A part is halted; the rest is armed.")
	s.until("x1", "armed") // as soon as a pulse has named the new governance head
	s.run("status")
	s.run("resume", "--all", "--reason", "over")
	s.run("halt", "--reason", "fire")
	s.until("x1", "armed")
	s.run("status")
	must(t, executor.Stop(killLoopPatience))
	s.run("resume", "--all", "--reason", "over", "--wait", "500ms")
	s.note("The executor is gone.")
	eventually(t, func() bool { return len(statusOf(t, s.data).Findings) > 0 })
	s.run("status")
	golden(t, "status.txt", regexp.MustCompile(`(incarnation|build|config) +ID`).ReplaceAllString(s.steady(), "$1 ID"))
}

// until waits until a participant is in a state.
func (s *session) until(name, state string) {
	s.t.Helper()
	eventually(s.t, func() bool {
		for _, p := range statusOf(s.t, s.data).Participants {
			if p.Name == name {
				return p.State == state
			}
		}
		return false
	})
}

// toldStatus is what `status --json` writes.
type toldStatus struct {
	Exit     int `json:"-"`
	Armed    bool
	Position uint64
	Why      []string
	Epoch    uint64
	Release  struct{ Version uint64 }
	Pulse    struct{ By string }
	Evidence struct {
		State, Why, Recorder string
		Size                 uint64
	}
	Halts        []struct{ Halt string }
	Findings     []struct{ Rule, Level, Detail string }
	Participants []struct {
		Role, Name, State string
		AgeMS             *float64 `json:"age_ms"`
	}
}

func statusOf(t *testing.T, data string) toldStatus {
	t.Helper()
	out, stderr, exit := cli(t, "--data", data, "--json", "status")
	s := toldStatus{Exit: exit}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("exit %d: %s%s: %v", exit, out, stderr, err)
	}
	return s
}

// TestStatusJSON: programs find everything, with ages.
func TestStatusJSON(t *testing.T) {
	data := newZone(t)
	serve(t, data, "up")
	s := statusOf(t, data)
	if s.Exit != exitDone || !s.Armed || len(s.Why) != 0 || s.Epoch != 2 || s.Release.Version != 1 || s.Pulse.By != "s1" || s.Halts == nil || s.Findings == nil {
		t.Errorf("%+v", s)
	}
	if len(s.Participants) != 4 {
		t.Fatalf("%+v", s.Participants)
	}
	eventually(t, func() bool { return statusOf(t, data).Evidence.State == "covered" })
	if e := statusOf(t, data).Evidence; e.Recorder != "r1" || e.Size == 0 {
		t.Errorf("%+v", e)
	}
	for _, p := range s.Participants {
		if p.State != "armed" || p.AgeMS == nil {
			t.Errorf("%+v", p)
		}
	}
}

// TestStatusWatch: it is told again and again until it is interrupted, without
// terminal codes where no terminal is.
func TestStatusWatch(t *testing.T) {
	data := newZone(t)
	serve(t, data, "server")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs pipe
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, []string{"--data", data, "status", "--watch"}, &out, &errs) }()
	eventually(t, func() bool { return strings.Count(out.String(), "NOT ARMED: ") >= 2 })
	cancel()
	if code := <-exit; code != exitDone || strings.Contains(out.String(), "\x1b") {
		t.Errorf("exit %d: %q%s", code, out.String(), errs.String())
	}
}
