//go:build unix && !linux

package process

import "syscall"

// Pause freezes the child, as a machine that is suspended would.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }
