//go:build !linux

package process

import "syscall"

// tied does nothing: this system has no such tie.
func tied() *syscall.SysProcAttr { return nil }
