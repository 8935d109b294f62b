package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/local"
)

// Streams are the standard streams of a command. Files are handed on as they are.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Ending is how a command ended.
type Ending struct {
	Exit     int            // its exit code, or 128 and the signal that ended it
	Stopped  error          // set: it was ended before its end, and why
	Recorded local.Recorded // what the ledger holds of it
	Unheard  error          // set: the service did not learn how it ended
}

// ErrLate reports a permit that came, and too late to start: nothing was run.
var ErrLate = errors.New("shell: nothing was run")

const (
	// endGrace is how long a command may take to end when it is told to; then it is
	// killed.
	endGrace = time.Second
	// reportWithin bounds the wait for what the ledger holds.
	reportWithin = 15 * time.Second
)

// Run asks for a permit and runs the command under it. An error says that nothing
// was run. The end of ctx ends the command, and so do a halt and the permit's
// deadline. If the service goes away meanwhile, the command, whose start was
// permitted, may go on until the deadline, which is then kept here.
func Run(ctx context.Context, client *local.Client, c Command, ask local.Ask, streams Streams, waits func(local.Wait)) (Ending, error) {
	grant, err := client.Ask(ctx, ask, waits)
	if grant.Intent == "" {
		return Ending{}, err
	}
	if err != nil {
		return Ending{}, notStarted(ctx, client, ask.Key, err)
	}
	// The child dies with the thread that started it: this one, until it has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := start(c, streams, grant)
	if err != nil {
		return Ending{}, notStarted(ctx, client, ask.Key, err)
	}
	ending := p.wait(ctx, client, grant.Deadline)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer cancel()
	ending.Recorded, ending.Unheard = client.Report(ctx, ending.report(ask.Key))
	return ending, nil
}

func notStarted(ctx context.Context, client *local.Client, key string, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer cancel()
	_, err := client.Report(ctx, local.Report{Key: key, Status: local.StatusNotStarted, Note: local.Note(why.Error())})
	if err != nil {
		why = fmt.Errorf("%w; the service was not told: %w", why, err)
	}
	return fmt.Errorf("%w: %w", ErrLate, why)
}

func (e Ending) report(key string) local.Report {
	r := local.Report{Key: key, Note: "exit " + strconv.Itoa(e.Exit)}
	switch {
	case e.Stopped != nil:
		r.Status, r.Note = local.StatusStopped, local.Note(r.Note+": "+e.Stopped.Error())
	case e.Exit != 0:
		r.Status = local.StatusFailed
	default:
		r.Status, r.Result = local.StatusDone, []byte(`{"exit":0}`)
	}
	return r
}

// process is a command that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended, and its group with it

	mu   sync.Mutex
	over bool // its number may be another's by now
}

func start(c Command, streams Streams, grant local.Go) (*process, error) {
	cmd := exec.Command(c.Path) //nolint:gosec,noctx // whoever holds the permit names it; its end is in wait
	cmd.Args, cmd.Dir = c.Argv, c.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams.In, streams.Out, streams.Err
	cmd.WaitDelay = endGrace
	restore := ownGroup(cmd)
	if err := grant.Fresh(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("shell: %w", err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		if awaitExit(cmd.Process.Pid) {
			p.signal(killGroup) // before it is reaped: its number is still its own
		}
		_ = cmd.Wait() // what it says is in ProcessState
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		restore()
	}()
	return p, nil
}

// signal does something to the group while it is this command's for certain.
func (p *process) signal(how func(*exec.Cmd)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		how(p.cmd)
	}
}

var errDeadline = errors.New("the permit's deadline is over")

// wait waits for the command's end, and brings it about when it must.
func (p *process) wait(ctx context.Context, client *local.Client, deadline time.Time) Ending {
	over := time.NewTimer(time.Until(deadline) + endGrace) // the service says so first, if it is there
	defer over.Stop()
	var why error
	select {
	case <-p.ended:
		return Ending{Exit: exitOf(p.cmd)}
	case <-client.Stopped():
		why = errors.New(client.Why())
	case <-ctx.Done():
		why = ctx.Err()
	case <-over.C:
		why = errDeadline
	}
	p.signal(endGroup)
	patience := time.NewTimer(endGrace)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		p.signal(killGroup)
		<-p.ended
	}
	return Ending{Exit: exitOf(p.cmd), Stopped: why}
}
