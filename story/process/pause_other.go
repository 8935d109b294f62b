//go:build !unix

package process

import "errors"

var errNoPause = errors.New("process: this system cannot freeze a process; run it on a Unix")

// Pause freezes the child; this system cannot.
func (*Process) Pause() error { return errNoPause }

// Resume lets a frozen child go on; this system cannot.
func (*Process) Resume() error { return errNoPause }
