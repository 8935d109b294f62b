package sim

import (
	"math"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ambush is what an adversary does who sees everything: faults that seldom meet
// by chance, at the moment when they hurt. It waits for an executor that is
// about to act, gives it something to do if need be, and strikes.
func (w *World) ambush(s Step) {
	if m, some := w.resumption(2, "resume"); some && s.A/8%2 == 0 {
		w.append(m)
	}
	w.sentinel.pulse()
	w.landOf(w.sentinel.node)
	in := w.alice.next("s0", s.B, s.A)
	w.alice.propose([]*pb.Intent{in}, [][]byte{w.alice.moved(in)}, "alice walks into an ambush")
	for range 6 {
		w.tick(5 * time.Millisecond)
		if w.failure != nil {
			return
		}
		for _, x := range w.executors {
			if x.node.able() && !x.node.cut && x.promising() {
				w.strike(x, s)
				return
			}
		}
	}
}

// promising reports whether the executor has something in hand that may well
// become an act.
func (x *executor) promising() bool {
	f := x.node.fold
	for _, b := range x.bids {
		d := b.decision
		if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && d.GetEpoch() == f.Governance().Epoch() && d.GetDeadline().AsTime().After(f.LogTime()) {
			return true
		}
	}
	return len(x.ready) > 0
}

func (w *World) strike(x *executor, s Step) {
	freeze := time.Duration(s.B%3000) * time.Millisecond
	w.logf("an ambush on %s", x.node.name)
	switch s.A % 7 {
	case 0: // its claims are stored, and then it stands still
		w.landOf(x.node)
		x.node.frozen = w.now + freeze
	case 1: // the same, and what it claimed is halted
		w.landOf(x.node)
		w.append(w.haltAll())
		x.node.frozen = w.now + freeze
	case 2: // its permits are in hand, and then it stands still
		w.landOf(x.node)
		x.node.poke(math.MaxUint64)
		w.append(w.haltAll())
		x.node.frozen = w.now + freeze
	case 3: // it dies, and its claims are stored when it lives again
		x.node.crash()
		x.node.start()
		x.node.poke(math.MaxUint64)
		w.landOf(x.node)
	case 4: // it stands still before its claims are stored
		x.node.frozen = w.now + freeze
	case 5: // its claims are stored when there has been no pulse for too long
		w.silence(x)
	default:
		w.silence(x)
		w.passOff(x, freeze/4)
	}
}

// silence keeps the sentinel still until no pulse is fresh, and then stores the
// executor's claims.
func (w *World) silence(x *executor) {
	w.sentinel.node.frozen = w.now + pulseLimit
	w.now += pulseLimit
	w.landOf(x.node)
	x.node.poke(math.MaxUint64)
}

// passOff stores an earlier claim of the executor once more, then a halt, and
// hides both from it until it has claimed anew.
func (w *World) passOff(x *executor, wait time.Duration) {
	if !w.cfg.Copies {
		return
	}
	w.sentinel.node.frozen = w.now
	w.sentinel.pulse()
	w.landOf(w.sentinel.node)
	for _, l := range x.later {
		i := lastIndex(w.entries, func(e *entry) bool {
			c := e.truth.Claim
			return c != nil && e.truth.By == x.node.name && ledger.PositionOf(c.GetIntent()) == ledger.PositionOf(l.d.GetIntent())
		})
		if i < 0 {
			continue
		}
		w.copyOf(i)
		w.append(w.haltAll())
		w.now += wait
		x.node.poke(0) // its timers run before it reads on
		x.node.poke(math.MaxUint64)
		x.run()
		return
	}
}

// landOf appends what a node has in flight.
func (w *World) landOf(n *node) {
	if n.cut {
		return
	}
	for i := 0; i < len(w.flights); {
		if w.flights[i].from == n {
			w.land(i, acknowledged, false)
		} else {
			i++
		}
	}
}

func (w *World) haltAll() message { return w.haltOf(w.scopes()[0]) }
