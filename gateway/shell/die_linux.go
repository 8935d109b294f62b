package shell

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieTogether has the system kill the command if this process is killed: nobody could
// report it, and no halt would reach it.
func dieTogether(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }

// awaitExit waits until a child has ended, and leaves it to be reaped.
func awaitExit(pid int) (ended bool) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
