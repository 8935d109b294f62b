package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc, 100 to the second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Fields of /proc/PID/stat behind the name in parentheses, from 0: see proc_pid_stat(5).
const (
	userField   = 11
	systemField = 12
)

// cpuOf reads the processor time that a process has used, from its /proc/PID/stat.
func cpuOf(path string) (time.Duration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // a name may hold anything, parentheses too
	if len(fields) <= systemField {
		return 0, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	var ticks int64
	for _, i := range []int{userField, systemField} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// peakOf reads the largest resident size that a process had, in bytes, from its /proc/PID/status.
func peakOf(path string) (uint64, error) {
	kilobytes, err := strconv.ParseUint(strings.TrimSuffix(field(path, "VmHWM"), " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: VmHWM: %w", path, err)
	}
	return kilobytes << 10, nil
}
