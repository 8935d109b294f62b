package engine

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// alarm sleeps by a clock of the kernel's, which rings some ten microseconds late. Its
// sleeper waits as for a socket; in nanosleep it would keep a processor of the runtime's
// from the parts that are measured.
type alarm struct {
	file *os.File        // nil where the kernel gave none
	raw  syscall.RawConn // file's
}

func newAlarm() alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return alarm{}
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return alarm{}
	}
	return alarm{file, raw}
}

// nap sleeps for more than nothing. Where the clock fails it sleeps by the runtime's
// timers: what is sent late is charged to the stage sent.
func (a alarm) nap(d time.Duration) {
	if a.file == nil || !a.set(d) {
		time.Sleep(d)
		return
	}
	if _, err := a.file.Read(make([]byte, 8)); err != nil {
		time.Sleep(d)
	}
}

func (a alarm) set(d time.Duration) bool {
	var failed error
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	err := a.raw.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &at, nil) })
	return err == nil && failed == nil
}

func (a alarm) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}
