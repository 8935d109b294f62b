package world

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen: generous, for machines that are slow and busy.
const Patience = 60 * time.Second

// Process is a process on a host.
type Process struct {
	Name string

	cmd  *exec.Cmd
	log  string // file with its standard error
	done chan struct{}
}

// spawn starts a command line and, if it is to say so, waits for the line that says that it is ready.
func spawn(t testing.TB, name, log string, awaitReady bool, line []string) (*Process, error) {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer out.Close()
	p := &Process{Name: name, log: log, done: make(chan struct{})}
	p.cmd = exec.Command(line[0], line[1:]...) //nolint:gosec,noctx // the test ends it
	p.cmd.Stderr = out
	said, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	t.Cleanup(p.Kill)
	ready := make(chan struct{})
	go p.watch(bufio.NewScanner(said), ready)
	if !awaitReady {
		return p, nil
	}
	select {
	case <-ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("world: %s ended before it was ready: %s", name, p.Log())
	case <-time.After(Patience):
		p.Kill()
		return nil, fmt.Errorf("world: %s was not ready within %v: %s", name, Patience, p.Log())
	}
}

// watch reads its output to the end and then waits for it.
func (p *Process) watch(lines *bufio.Scanner, ready chan<- struct{}) {
	told := false
	for lines.Scan() {
		var line struct {
			Event string `json:"event"`
		}
		if !told && json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "ready" {
			told = true
			close(ready)
		}
	}
	_ = p.cmd.Wait() // its log says how it ended; most end by a signal of the test
	close(p.done)
}

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Log is what it has logged, and what those of its name before it had.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Kill ends it as a crash would (SIGKILL), and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Stop asks it to end (SIGTERM), and waits for its end.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(Patience):
		t.Fatalf("%s did not end within %v after SIGTERM: %s", p.Name, Patience, p.Log())
	}
}

// Pause freezes it, as a hypervisor would (SIGSTOP), and returns when every thread of it stands still.
func (p *Process) Pause(t testing.TB) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	for deadline := time.Now().Add(Patience); !p.still(t); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not stand still %v after SIGSTOP", p.Name, Patience)
		}
	}
}

// Resume lets it go on.
func (p *Process) Resume(t testing.TB) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGCONT))
}

// still reports whether every thread is stopped.
func (p *Process) still(t testing.TB) bool {
	t.Helper()
	for _, thread := range p.threads(t) {
		stat, err := os.ReadFile(thread + "/stat")
		if err != nil {
			continue // it has ended meanwhile
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// threads are the folders of its threads.
func (p *Process) threads(t testing.TB) []string {
	t.Helper()
	dir := p.proc("task")
	entries, err := os.ReadDir(dir)
	must(t, err)
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = dir + "/" + e.Name()
	}
	return all
}

// proc is a file that the kernel has of it.
func (p *Process) proc(file string) string { return "/proc/" + strconv.Itoa(p.PID()) + "/" + file }

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
