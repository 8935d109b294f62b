package door

import (
	"sync"
	"time"
)

// bucket is a token bucket that gives credit: whoever takes more than is in it
// gets it, and is told how long to take nothing. So no message is too large for
// it, and the rate still holds over any time. It has no clock and no lock.
type bucket struct {
	rate  float64 // tokens a second
	most  float64 // that it holds
	level float64 // negative: owed
	at    time.Time
}

// newBucket is full.
func newBucket(rate, most float64, now time.Time) bucket {
	return bucket{rate: rate, most: most, level: most, at: now}
}

// take takes n tokens and says how long to wait before the next ones.
func (b *bucket) take(now time.Time, n int) time.Duration {
	b.fill(now)
	b.level -= float64(n)
	return b.debt()
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = min(b.most, b.level+b.rate*passed.Seconds())
		b.at = now
	}
}

func (b *bucket) debt() time.Duration {
	if b.level >= 0 {
		return 0
	}
	seconds := -b.level / b.rate
	return time.Duration(min(seconds*float64(time.Second), float64(maxWait)))
}

// maxWait keeps a wait within what a Duration holds.
const maxWait = time.Hour

// full reports whether nothing was taken from it for so long that forgetting it
// gives nothing away.
func (b *bucket) full(now time.Time) bool {
	b.fill(now)
	return b.level >= b.most
}

// purse is what one agent may spend, on all its connections together.
type purse struct {
	mu       sync.Mutex
	bytes    bucket
	messages bucket
	items    bucket
}

func newPurse(l Limits, now time.Time) *purse {
	seconds := l.Burst.Seconds()
	return &purse{
		bytes:    newBucket(float64(l.Bytes), float64(l.Bytes)*seconds, now),
		messages: newBucket(float64(l.Messages), float64(l.Messages)*seconds, now),
		items:    newBucket(float64(l.Intents), float64(l.Intents)*seconds, now),
	}
}

// spend pays for what was read and says how long to read nothing more.
func (p *purse) spend(now time.Time, c cost) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.bytes.take(now, c.bytes), p.messages.take(now, c.messages), p.items.take(now, c.items))
}
