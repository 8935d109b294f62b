//go:build !linux

package engine

import "time"

// alarm sleeps by the runtime's timers.
type alarm struct{}

func newAlarm() alarm { return alarm{} }

func (alarm) nap(d time.Duration) { time.Sleep(d) }

func (alarm) close() {}
