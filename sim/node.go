package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
)

// node is a machine with one participant on it. Its disk is what its actor
// keeps across starts.
type node struct {
	w      *World
	member trusttest.Member
	name   string
	reads  reading
	actor  actor

	rate int64         // boot clock, nanoseconds per true microsecond
	wall time.Duration // wall clock minus true time

	up          bool
	incarnation int
	frozen      time.Duration // true time until which it does nothing
	cut         bool          // neither reads nor writes the ledger
	acks        []func()

	fold     *ledger.Fold
	from     uint64 // where it began to read, at this start
	seq      uint64 // read so far
	target   uint64 // what must be read to have caught up
	caughtUp bool
	off      time.Duration // wall clock minus the newest record's timestamp, when it was read

	victim   bool // it was shown another ledger
	deceived bool // the same, and never forgotten
	told     bool // since its start, a pulse has told it so
	warped   bool // under other times
	ploy     ploy
	shown    map[uint64]*entry // what it was shown, by sequence
}

// actor is the participant on a node.
type actor interface {
	// start forgets everything but the disk; the node reads from the sequence that
	// it returns.
	start() (from uint64)
	caughtUp()
	step(e *entry, rec ledger.Record, noise error)
	wake() // timers
	run()  // what its goroutines would do by themselves
}

// boot is the node's boot clock, which counts pauses and survives restarts of
// the process.
func (n *node) boot() time.Duration {
	return time.Hour + time.Duration(int64(n.w.now)/1000*n.rate)
}

// clock is the node's wall clock.
func (n *node) clock() time.Time { return trusttest.Start.Add(n.w.now + n.wall) }

// able reports whether the node does anything at all now.
func (n *node) able() bool { return n.up && n.frozen <= n.w.now }

func (n *node) start() {
	n.up, n.caughtUp, n.told, n.acks = true, false, false, nil
	n.incarnation++
	n.target = n.w.last()
	n.fold = ledger.NewFold(n.w.zone.Ledger, n.w.keys)
	from := n.actor.start()
	n.refold(n.fold, from)
	n.from, n.seq = from, from-1
	n.w.logf("%s starts (incarnation %d) at #%d", n.name, n.incarnation, from)
}

func (n *node) crash() {
	if n.up {
		n.w.logf("%s crashes", n.name)
	}
	n.up, n.acks = false, nil
}

// refold folds the governance records and credentials before a position, as a
// follower that begins there does first.
func (n *node) refold(f *ledger.Fold, from uint64) {
	for _, e := range n.w.entries[:from-1] {
		if e.truth.Kind == schemas.KindGovernance || e.truth.Kind == schemas.KindCredential {
			_, _ = f.Step(n.parse(n.shows(e))) // what is noise was noise when it was new
		}
	}
}

// poke lets the node go on: hear what became of its messages, read, do what is
// due.
func (n *node) poke(records uint64) {
	if !n.able() {
		return
	}
	n.hear()
	if !n.cut {
		n.read(records)
	}
	n.actor.wake()
}

func (n *node) hear() {
	acks := n.acks
	n.acks = nil
	for _, ack := range acks {
		ack()
	}
}

func (n *node) read(records uint64) {
	for ; records > 0 && n.seq < n.w.last(); records-- {
		e := n.shows(n.w.entries[n.seq])
		n.seq++
		n.off = n.clock().Sub(e.stamp)
		before := n.governed()
		rec, err := n.fold.Step(n.parse(e))
		n.actor.step(e, rec, err)
		n.w.checkRead(n, e, rec, before)
		if n.w.failure != nil {
			return
		}
		n.settle()
	}
	n.settle()
}

func (n *node) settle() {
	if !n.caughtUp && n.seq >= n.target {
		n.caughtUp = true
		n.actor.caughtUp()
	}
}

// skewed reports whether the node's wall clock is too far from log time, as far
// as the newest record told.
func (n *node) skewed() bool { return n.off.Abs() > maxSkew }
