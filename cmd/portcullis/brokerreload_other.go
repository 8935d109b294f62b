//go:build !unix

package main

import "os"

// notifyReload has no signal to wait for here: start the server again instead.
func notifyReload(chan<- os.Signal) (stop func()) { return func() {} }
