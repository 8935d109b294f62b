//go:build !unix

package shell

import "os/exec"

func ownGroup(*exec.Cmd) (restore func()) { return func() {} }

// endGroup ends the command itself: this system has no process groups.
func endGroup(cmd *exec.Cmd) { killGroup(cmd) }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // it may have ended

func exitOf(cmd *exec.Cmd) int { return cmd.ProcessState.ExitCode() }

// awaitExit does not wait: this system cannot without reaping.
func awaitExit(int) (ended bool) { return false }
