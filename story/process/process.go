// Package process runs parts of a zone as child processes of this executable,
// or of another, and waits for each to say that it is ready.
package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running child. Safe for concurrent use.
type Process struct {
	Name string
	URL  string // of the broker, as the child states it

	cmd    *exec.Cmd
	errors *tail
	done   chan struct{}
	err    error // of Wait; read after done
}

// Start starts `executable arguments…`, which must write one line of JSON with
// the event "ready" or "running" on its standard output, and waits for that
// line. Ctx bounds the wait, not the child's life. On Linux the child is killed
// when this process ends without stopping it.
func Start(ctx context.Context, name, executable string, arguments ...string) (*Process, error) {
	p := &Process{Name: name, errors: new(tail), done: make(chan struct{})}
	p.cmd = exec.Command(executable, arguments...) //nolint:gosec,noctx // the caller's own executable; it outlives ctx
	p.cmd.Stderr = p.errors
	p.cmd.SysProcAttr = tied()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("process: %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("process: %s: %w", name, err)
	}
	ready := make(chan string, 1)
	go p.watch(out, ready)
	select {
	case p.URL = <-ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("process: %s ended before it was ready (%w): %s", name, orEnded(p.err), p.errors)
	case <-ctx.Done():
		p.Kill()
		return nil, fmt.Errorf("process: %s was not ready in time: %w: %s", name, ctx.Err(), p.errors)
	}
}

var errEnded = errors.New("without an error")

func orEnded(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// watch reads the child's output to its end and then waits for the child.
func (p *Process) watch(out io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(out)
	told := false
	for lines.Scan() {
		var line struct {
			Event  string `json:"event"`
			Server string `json:"server"`
		}
		if told || json.Unmarshal(lines.Bytes(), &line) != nil || line.Event != "ready" && line.Event != "running" {
			continue
		}
		told = true
		ready <- line.Server
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is the end of what the child wrote on standard error.
func (p *Process) Log() string { return p.errors.String() }

// Kill ends the child as a crash would, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Stop asks the child to end, and ends it the hard way after a while. The error
// is that of a child that did not end well.
func (p *Process) Stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("process: %s did not end within %v: %s", p.Name, patience, p.errors)
	}
	if p.err != nil {
		return fmt.Errorf("process: %s ended with %w: %s", p.Name, p.err, p.errors)
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append([]byte(nil), t.text[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
