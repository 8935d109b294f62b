package engine

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

// child is one role in a process of its own.
type child struct {
	role string
	url  string // of the broker, as it states it

	cmd  *exec.Cmd
	said *ending
	done chan struct{}
	err  error // of its end; read after done
}

// start starts an executable that says in a line of JSON when it is ready, and waits for that. Ctx bounds the wait, not
// the child's life.
func start(ctx context.Context, role, executable string, arguments ...string) (*child, error) {
	c := &child{role: role, said: new(ending), done: make(chan struct{})}
	c.cmd = exec.Command(executable, arguments...) //nolint:gosec,noctx // the caller's own executable; it outlives ctx
	c.cmd.Stderr = c.said
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("loadtest: starting %s: %w", role, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("loadtest: starting %s: %w", role, err)
	}
	ready := make(chan string, 1)
	go c.listen(out, ready)
	select {
	case c.url = <-ready:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("loadtest: %w", c.fault())
	case <-ctx.Done():
		_ = c.cmd.Process.Kill() // it may have ended already
		<-c.done
		return nil, fmt.Errorf("loadtest: %s was not ready in time: %w: %s", role, context.Cause(ctx), c.said)
	}
}

// listen reads what the child says to its end, and then waits for the child.
func (c *child) listen(out io.Reader, ready chan<- string) {
	told := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct{ Event, Server string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "ready" && !told {
			told = true
			ready <- line.Server
		}
	}
	c.err = c.cmd.Wait()
	close(c.done)
}

// fault is why the child ended; nil while it runs.
func (c *child) fault() error {
	select {
	case <-c.done:
		return fmt.Errorf("the process of %s ended (%w): %s", c.role, orNothing(c.err), c.said)
	default:
		return nil
	}
}

var errNone = errors.New("without an error")

func orNothing(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

const endWithin = 20 * time.Second

// end asks the child to end, and kills it if it does not.
func (c *child) end() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(endWithin)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("loadtest: the process of %s did not end within %v: %s", c.role, endWithin, c.said)
	}
	if c.err != nil {
		return fmt.Errorf("loadtest: the process of %s ended with %w: %s", c.role, c.err, c.said)
	}
	return nil
}

// ending keeps the end of what is written to it.
type ending struct {
	mu   sync.Mutex
	text []byte
}

const endingSize = 4 << 10

func (e *ending) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, b...)
	if extra := len(e.text) - endingSize; extra > 0 {
		e.text = append([]byte(nil), e.text[extra:]...)
	}
	return len(b), nil
}

func (e *ending) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.TrimSpace(string(e.text))
}
