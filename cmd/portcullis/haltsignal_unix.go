//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyBrake sends SIGUSR1 to a channel until stop is called.
func notifyBrake(to chan<- os.Signal) (stop func()) {
	signal.Notify(to, syscall.SIGUSR1)
	return func() { signal.Stop(to) }
}
