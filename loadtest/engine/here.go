package engine

import (
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Here is the machine and the program that this runs on.
func Here() result.Machine { return machine() }

// Used is the processor time that a process has used so far, in steps of 10 ms.
func Used(pid int) (time.Duration, error) { return cpuOf("/proc/" + strconv.Itoa(pid) + "/stat") }
