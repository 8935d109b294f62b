//go:build !unix

package main

import "os"

// notifyBrake does nothing: this system has no such signal. The brake's file works.
func notifyBrake(chan<- os.Signal) (stop func()) { return func() {} }
