//go:build unix && !linux

package shell

import "syscall"

// dieTogether does nothing: this system has no such tie.
func dieTogether(*syscall.SysProcAttr) {}

// awaitExit does not wait: this system cannot without reaping. What a command leaves
// running in its group goes on there.
func awaitExit(int) (ended bool) { return false }
