//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyReload sends SIGHUP to a channel until stop is called.
func notifyReload(to chan<- os.Signal) (stop func()) {
	signal.Notify(to, syscall.SIGHUP)
	return func() { signal.Stop(to) }
}
