//go:build unix

package shell

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup has a command start in a process group of its own. Where standard input is
// a terminal that this process may read, the group may read it instead, until
// restore.
func ownGroup(cmd *exec.Cmd) (restore func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieTogether(cmd.SysProcAttr)
	in, isFile := cmd.Stdin.(*os.File)
	if !isFile {
		return func() {}
	}
	fd := int(in.Fd())
	before, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || before != unix.Getpgrp() { // no terminal, or none that is read from here
		return func() {}
	}
	cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, fd
	return func() {
		signal.Ignore(syscall.SIGTTOU) // or taking the terminal back would stop this process
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, before)
	}
}

// endGroup asks all of a command's group to end.
func endGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // there may be nobody left
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT) // who was stopped hears it too
}

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// exitOf is a command's exit code as shells have it.
func exitOf(cmd *exec.Cmd) int {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// signalled is added to the number of the signal that ended a command.
const signalled = 128
