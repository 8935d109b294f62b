package stdio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// Process is a server that runs as a process of this gateway.
type Process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   io.ReadCloser
	close func() error
}

// stopGrace is how long a server may take to end once its input is closed, and
// then once more after it was told to.
const stopGrace = 2 * time.Second

// Start runs a server's command; what it writes on standard error goes to errs.
// The process ends with ctx, or with Close.
func Start(ctx context.Context, errs io.Writer, command ...string) (*Process, error) {
	if len(command) == 0 {
		return nil, errors.New("mcp: no command of a server was given; write it after --")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // whoever runs the gateway names the server
	cmd.Stderr = errs
	cmd.WaitDelay = stopGrace
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("mcp: the server: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("mcp: the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("mcp: the server did not start: %w; try its command by itself", err)
	}
	p := &Process{cmd: cmd, in: in, out: out}
	p.close = sync.OnceValue(p.stop)
	return p, nil
}

// Reader is what the server writes.
func (p *Process) Reader() io.Reader { return p.out }

// Writer is what the server reads.
func (p *Process) Writer() io.Writer { return p.in }

// Close closes the server's input, and kills it if it does not end then.
func (p *Process) Close() error { return p.close() }

func (p *Process) stop() error {
	_ = p.in.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.cmd.Wait() // a server's exit code is its own affair
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(stopGrace):
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("mcp: ending the server: %w", err)
	}
	<-ended
	return nil
}
