package vitals

import pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"

// window is how many seconds are kept.
const window = 15 * 60

// counts is what happened in some seconds of log time.
type counts struct {
	records, noise, intents  uint32
	allowed, denied, pending uint32               // quorums' decisions; pending waits for approvals
	late                     uint32               // decided behind the intent's deadline
	reasons                  map[pb.Reason]uint32 // of denied; one decision may have several
	outcomes                 map[pb.Status]uint32 // each once
	decided, used, done      histogram            // µs to the decision; ppm of the deadline; µs from claim to outcome
}

func (c *counts) merge(other *counts) {
	c.records, c.noise, c.intents = c.records+other.records, c.noise+other.noise, c.intents+other.intents
	c.allowed, c.denied, c.pending = c.allowed+other.allowed, c.denied+other.denied, c.pending+other.pending
	c.late += other.late
	for reason, n := range other.reasons {
		count(&c.reasons, reason, n)
	}
	for status, n := range other.outcomes {
		count(&c.outcomes, status, n)
	}
	c.decided.merge(&other.decided)
	c.used.merge(&other.used)
	c.done.merge(&other.done)
}

func count[K comparable](in *map[K]uint32, key K, n uint32) {
	if *in == nil {
		*in = make(map[K]uint32)
	}
	(*in)[key] += n
}

// ring holds the newest seconds of log time, each in a slot of its own.
type ring struct {
	slots [window]counts
	from  int64 // Unix: the first second that was read from its beginning
	head  int64 // Unix: the second of the newest record, which may not be over; 0: none was read
}

// begin sets where reading an empty ring's ledger begins; whole says that nothing stands before it in its second.
func (r *ring) begin(second int64, whole bool) {
	r.from, r.head = second, second
	if !whole {
		r.from++
	}
}

// at is the slot of a second, which is not before any that was asked for earlier.
func (r *ring) at(second int64) *counts {
	for next := max(r.head+1, second-window+1); next <= second; next++ {
		r.slots[next%window] = counts{}
	}
	r.head = max(r.head, second)
	return &r.slots[r.head%window]
}

// knows reports whether a second was read from its beginning to its end, and is kept.
func (r *ring) knows(second int64) bool {
	return r.head > 0 && second >= r.from && second > r.head-window && second < r.head
}

// sum adds up the seconds from..to-1, and reports whether every one is known.
func (r *ring) sum(from, to int64) (all counts, whole bool) {
	for second := from; second < to; second++ {
		if !r.knows(second) {
			return counts{}, false
		}
		all.merge(&r.slots[second%window])
	}
	return all, from < to
}
