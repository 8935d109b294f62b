//go:build unix

package process

import (
	"fmt"
	"syscall"
)

// Resume lets a frozen child go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("process: %s: %w", p.Name, err)
	}
	return nil
}
