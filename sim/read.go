package sim

import "github.com/portcullis-dev/portcullis/core/ledger"

// bearing is what a drill must leave as it is.
type bearing struct {
	epoch uint64
	halts int
	hands hands
}

// hands is what an executor has in them: actions about to start, and claims that
// are valid and have no outcome.
type hands struct{ ready, open int }

// governed is the node's bearing before it reads on.
func (n *node) governed() bearing {
	gov := n.fold.Governance()
	b := bearing{epoch: gov.Epoch(), halts: len(gov.Halts())}
	if x, is := n.actor.(*executor); is {
		b.hands = hands{x.pending(), len(x.open)}
	}
	return b
}

// pending is how many actions are about to start.
func (x *executor) pending() (n int) {
	for _, r := range x.ready {
		if !r.done {
			n++
		}
	}
	return n
}

// checkRead checks what is promised of a follower that has just read an entry.
func (w *World) checkRead(n *node, e *entry, rec ledger.Record, before bearing) {
	if rec.Effect.Drill && n.governed() != before {
		w.fail(D, "the drill at #%d moves %s from %+v to %+v", e.seq, n.name, before, n.governed())
	}
	if rec.Pulse == nil {
		return
	}
	if n.victim && !n.told && n.covers(rec.Pulse) {
		n.told = true
		w.betrayed++
	}
	if n.told {
		w.checkTold(n, e)
	}
}

// checkTold is S6: the pulse just read covers a place where this follower was
// shown something else, or an earlier one since its start did. It acts, or
// decides, no more until it is restarted.
func (w *World) checkTold(n *node, e *entry) {
	fault := n.fold.Pulse().Fault
	if x, is := n.actor.(*executor); is {
		fault = x.view.Pulse().Fault
	}
	if fault == nil {
		w.fail(S6, "%s is not disarmed at the pulse at #%d, although it was told that it was shown another ledger", n.name, e.seq)
	}
}
