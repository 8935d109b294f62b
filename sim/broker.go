package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
)

// fate is what the sender of a message learns of it.
type fate uint8

const (
	acknowledged fate = iota
	unknown           // appended, and the acknowledgement was lost
	refused           // not appended, and the sender knows
	fates
)

// flight is a message between its sender and the ledger.
type flight struct {
	message
	from  *node // nil for agents and governors, who do not wait
	start int   // the sender's incarnation
	done  func(fate)
}

// send puts a message under way. Done hears of its fate if the sender still
// lives by then.
func (w *World) send(from *node, m message, done func(fate)) {
	m.truth.Made = w.now
	f := &flight{message: m, from: from, done: done}
	if from != nil {
		f.start = from.incarnation
	}
	w.flights = append(w.flights, f)
	w.logf("%s sends %s", m.truth.By, m.truth.Note)
}

// land ends flight number i.
func (w *World) land(i int, how fate, twice bool) {
	f := w.flights[i]
	if f.from != nil && f.from.cut {
		return // it stays in the sender's buffers
	}
	w.flights = append(w.flights[:i:i], w.flights[i+1:]...)
	if how == refused {
		w.logf("the broker refuses %s", f.truth.Note)
	} else {
		w.append(f.message)
		if twice {
			w.append(f.message)
		}
	}
	if f.from != nil && f.done != nil && f.from.up && f.from.incarnation == f.start {
		f.from.acks = append(f.from.acks, func() { f.done(how) })
	}
}

// append puts a message on the ledger, now.
func (w *World) append(m message) {
	e := &entry{message: m, seq: uint64(len(w.entries)) + 1, at: w.now, stamp: trusttest.Start.Add(w.now + w.lie)}
	key := m.subject + "\x00" + string(m.data)
	if first, known := w.firsts[key]; known {
		e.copied = first
	} else {
		w.firsts[key] = e.seq
	}
	w.entries = append(w.entries, e)
	w.logf("ledger %s", e)
}

// copyOf appends an old message once more, under the broker's hand or anyone's.
func (w *World) copyOf(i int) {
	if !w.cfg.Copies {
		return
	}
	w.append(w.entries[i].message)
}

// seqAt is the first sequence at or after a time, one past the end if none is.
func (w *World) seqAt(t time.Time) uint64 {
	for _, e := range w.entries {
		if !e.stamp.Before(t) {
			return e.seq
		}
	}
	return w.last() + 1
}

func (w *World) last() uint64 { return uint64(len(w.entries)) }
