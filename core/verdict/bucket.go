package verdict

import (
	"container/heap"
	"math"
	"math/bits"
	"time"
)

// bucketKey names what one limit counts together.
type bucketKey struct{ limit, key string }

// bucket holds the charges of one limit in the order of their log time. A
// charge is forgotten when it and all before it have ended.
type bucket struct {
	charges []charge

	// Cache of one window's sum: charges[from:] are younger than now-window.
	window int64
	from   int
	sum    sum
}

type charge struct {
	at     int64 // log time
	amount int64 // never negative
	ends   int64
}

// sum adds up amounts without ever overflowing.
type sum struct{ hi, lo uint64 }

func (s *sum) add(amount int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(amount), 0) //nolint:gosec // never negative
	s.hi += carry
}

func (s *sum) sub(amount int64) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, uint64(amount), 0) //nolint:gosec // never negative
	s.hi -= borrow
}

// value is the sum, at most math.MaxInt64.
func (s sum) value() int64 {
	if s.hi > 0 || s.lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(s.lo)
}

func (s *State) charge(key bucketKey, at, amount, ends int64) {
	b, known := s.buckets[key]
	if !known {
		b = &bucket{}
		s.buckets[key] = b
		heap.Push(&s.due, due{at: ends, bucket: key})
	}
	b.charges = append(b.charges, charge{at, amount, ends})
	b.sum.add(amount)
	s.mixed.add(charge{at, amount, ends}.line(key))
}

// used is what the window up to now holds.
func (s *State) used(key bucketKey, window time.Duration) int64 {
	b, known := s.buckets[key]
	if !known {
		return 0
	}
	if int64(window) != b.window {
		b.recount(int64(window))
	}
	for b.from < len(b.charges) && b.charges[b.from].at <= s.now-b.window {
		b.sum.sub(b.charges[b.from].amount)
		b.from++
	}
	return b.sum.value()
}

func (b *bucket) recount(window int64) {
	b.window, b.from, b.sum = window, 0, sum{}
	for _, c := range b.charges {
		b.sum.add(c.amount)
	}
}

// forget drops what has ended, tells each, and says when the next charge ends.
func (b *bucket) forget(now int64, forgotten func(charge)) (next int64, left bool) {
	n := 0
	for n < len(b.charges) && b.charges[n].ends <= now {
		if n >= b.from {
			b.sum.sub(b.charges[n].amount)
		}
		forgotten(b.charges[n])
		n++
	}
	b.charges = b.charges[n:]
	b.from = max(0, b.from-n)
	if len(b.charges) == 0 {
		return 0, false
	}
	return b.charges[0].ends, true
}
