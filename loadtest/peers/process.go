package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a server that was started for the comparison.
type process struct {
	cmd  *exec.Cmd
	said *tail
	done chan struct{}
	err  error // of its end; read after done
}

const (
	readyWithin = 2 * time.Minute // ten thousand policies take their time to load
	readyPoll   = 20 * time.Millisecond
	endWithin   = 10 * time.Second
)

// start starts a command and waits until its health page answers with 200. Ctx bounds the wait, not the process's life.
func start(ctx context.Context, health string, name string, arguments ...string) (*process, error) {
	p := &process{said: new(tail), done: make(chan struct{})}
	p.cmd = exec.Command(name, arguments...) //nolint:gosec,noctx // programs that the caller names; they outlive ctx
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("peers: starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for !healthy(ctx, health) {
		select {
		case <-p.done:
			return nil, fmt.Errorf("peers: %s ended before it was ready (%w): %s", name, errors.Join(p.err, errEnded), p.said)
		case <-ctx.Done():
			p.end()
			return nil, fmt.Errorf("peers: %s was not ready in time: %w: %s", name, context.Cause(ctx), p.said)
		case <-time.After(readyPoll):
		}
	}
	return p, nil
}

var errEnded = errors.New("it ended")

func healthy(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// end asks the process to end, and kills it if it does not.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(endWithin):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// freePort asks the system for a port that nobody uses. Somebody else may take it before the server does: then the server
// ends, and says why.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("peers: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:errcheck,forcetypeassert // the address of a TCP listener
	return port, l.Close()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = bytes.Clone(t.text[extra:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
