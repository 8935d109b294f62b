package door

import (
	"fmt"
	"time"
)

// Limits is what one agent may do, whatever number of connections it opens. All
// fields are required.
type Limits struct {
	Bytes       int           // that it may send in a second
	Messages    int           // protocol lines that it may send in a second: publishes, subscriptions, pings
	Intents     int           // that it may send in a second, in whatever lists
	Burst       time.Duration // how long it may have been silent and make up for it at once
	Connections int           // at the same time
	Unread      int           // bytes that wait for it on one connection before that is closed
}

// DefaultLimits leave room for others on a machine with two cores and a disk
// that syncs two thousand times a second; see docs/operations.md.
var DefaultLimits = Limits{
	Bytes:       1 << 20,
	Messages:    250,
	Intents:     250,
	Burst:       250 * time.Millisecond,
	Connections: 8,
	Unread:      4 << 20,
}

// trusted is what those may do who are no agents. What they send is not limited.
var trusted = Limits{Connections: 64, Unread: 64 << 20}

const (
	mostRate  = 1 << 40
	mostBurst = time.Minute
	// leastUnread holds the largest message of the protocol and its line twice.
	leastUnread = 2<<20 + 256<<10
)

// grain is the time whose bytes are read at once: what an agent sends under its
// limits comes in small steps, not in heaps.
const grain = 4 * time.Millisecond

// read is how many bytes are read at once.
func (l Limits) read() int {
	if l.Bytes == 0 {
		return mostRoom
	}
	return min(max(int(float64(l.Bytes)*grain.Seconds()), leastRoom), mostRoom)
}

// Check refuses limits with which no agent could work, or that are none.
func (l Limits) Check() error {
	switch {
	case l.Bytes < 1 || l.Bytes > mostRate:
		return fmt.Errorf("door: %d bytes a second for an agent; give 1 to %d", l.Bytes, mostRate)
	case l.Messages < 1 || l.Messages > mostRate:
		return fmt.Errorf("door: %d messages a second for an agent; give 1 to %d", l.Messages, mostRate)
	case l.Intents < 1 || l.Intents > mostRate:
		return fmt.Errorf("door: %d intents a second for an agent; give 1 to %d", l.Intents, mostRate)
	case l.Burst <= 0 || l.Burst > mostBurst:
		return fmt.Errorf("door: a burst of %v; give more than none and at most %v", l.Burst, mostBurst)
	case l.Connections < 1:
		return fmt.Errorf("door: %d connections for an agent; give at least 1", l.Connections)
	case l.Unread < leastUnread:
		return fmt.Errorf("door: %d unread bytes for an agent; give at least %d, so that its largest message fits", l.Unread, leastUnread)
	}
	return nil
}
