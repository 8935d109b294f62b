package sim

import (
	"math"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
)

// ambush is what an adversary does who sees everything: faults that seldom meet
// by chance, at the moment when they hurt. It picks the first executor that has
// a claim under way; without one nothing happens.
func (w *World) ambush(s Step) {
	for i := range w.executors {
		x := w.executors[(int(s.B)+i)%len(w.executors)]
		if x.node.able() && !x.node.cut && len(x.bids)+len(x.ready)+len(x.later) > 0 {
			w.strike(x, s)
			return
		}
	}
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
	case 3: // it claims, dies, and its claims are stored when it lives again
		x.node.poke(math.MaxUint64)
		x.node.crash()
		x.node.start()
		x.node.poke(math.MaxUint64)
		w.landOf(x.node)
	case 4: // it stands still before its claims are stored
		x.node.frozen = w.now + freeze
	case 5: // its claims are stored when there has been no pulse for too long
		w.sentinel.node.frozen = w.now + pulseLimit + freeze/8
		w.now += pulseLimit
		w.tick(time.Millisecond)
	default:
		w.passOff(x, freeze/4)
	}
}

// passOff stores an earlier claim of the executor once more, then a halt, and
// hides both from it until it has claimed anew.
func (w *World) passOff(x *executor, wait time.Duration) {
	if !w.cfg.Copies {
		return
	}
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
	for i := 0; i < len(w.flights); {
		if w.flights[i].from == n {
			w.land(i, acknowledged, false)
		} else {
			i++
		}
	}
}

func (w *World) haltAll() message { return w.haltOf(w.scopes()[0]) }
