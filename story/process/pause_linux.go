package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pause freezes the child, as a machine that is suspended would. When it returns, every thread of the child has
// stopped: the signal alone only asks for that, and a busy one runs on for a moment.
func (p *Process) Pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		// Who stopped is asked for, not who ended: that is for the one who waits for the child.
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("process: waiting until %s has stopped: %w", p.Name, err)
		}
	}
}
