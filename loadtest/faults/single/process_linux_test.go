//go:build faults

package single_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a running part.
type process struct {
	cmd  *exec.Cmd
	log  string // file
	done chan struct{}
	err  error // read after done
}

// startProcess runs the binary under test and waits until it says that it is ready. Ctx bounds the wait, not its life.
func startProcess(ctx context.Context, log string, arguments ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{cmd: exec.Command(binary, arguments...), log: log, done: make(chan struct{})} //nolint:noctx // it outlives ctx
	p.cmd.Stderr = file
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go func() {
		told := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line struct{ Event string }
			if !told && json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "ready" {
				told = true
				close(ready)
			}
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	select {
	case <-ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("it ended before it was ready: %w: %s", errors.Join(p.err), p.text())
	case <-ctx.Done():
		p.kill()
		return nil, fmt.Errorf("it was not ready in time: %w: %s", ctx.Err(), p.text())
	}
}

// running reports whether it has not ended.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// text is what it has logged.
func (p *process) text() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// kill ends it as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// freeze stops it where it is; only a kill ends that.
func (p *process) freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// stop asks it to end.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("it did not end within %v: %s", patience, p.text())
	}
}
