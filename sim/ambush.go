package sim

import (
	"math"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ambush is what an adversary does who sees everything: faults that seldom meet
// by chance, at the moment when they hurt. It waits for an executor that is
// about to act, gives it something to do if need be, and strikes.
func (w *World) ambush(s Step) {
	w.prepare(s.A / 8)
	w.sentinel.pulse()
	w.landOf(w.sentinel.node)
	w.alice.single(w.alice.next("s0", s.B, s.A), "alice walks into an ambush")
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

// prepare lifts all halts, or halts all and then shows what lifted halts before,
// or lets the release come close to its end.
func (w *World) prepare(a uint32) {
	switch a % 4 {
	case 0, 2:
		if m, some := w.resumption(2, "resume"); some {
			w.append(m)
		}
	case 1:
		if i := lastIndex(w.entries, func(e *entry) bool { return e.truth.Record.GetResume() != nil }); i >= 0 && w.cfg.Copies {
			w.append(w.haltAll())
			w.copyOf(i)
		}
	case 3:
		if a/4%4 == 0 {
			w.append(w.nextRelease(short))
			w.now += shortly - time.Duration(a/16%8)*5*time.Millisecond
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
	if w.cfg.Substitutes && s.B%4 < 2 {
		w.blind(x)
		return
	}
	w.now += time.Duration(s.B%2) * 30 * time.Millisecond
	switch s.A % 8 {
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
	case 6:
		w.silence(x)
		w.passOff(x, freeze/4)
	default: // its claims are lost, and it claims again when only echoes of a pulse are left
		w.lose(x.node)
		w.echo(x)
	}
}

// blind keeps the executor's claim from the other executor, which then claims
// what is claimed.
func (w *World) blind(x *executor) {
	for _, other := range w.executors {
		if other != x {
			other.node.ploy = ploy{kind: schemas.KindClaim, left: 1}
		}
	}
	w.landOf(x.node)
	for range 8 {
		w.tick(20 * time.Millisecond)
	}
}

// echo keeps the sentinel still and stores its newest pulse once more, again and
// again, until the executor has claimed anew.
func (w *World) echo(x *executor) {
	w.sentinel.node.frozen = w.now + pulseLimit + maxSkew
	newest := lastIndex(w.entries, func(e *entry) bool { return e.truth.Pulse != nil })
	for _, wait := range []time.Duration{9 * maxSkew / 10, pulseLimit / 2, pulseLimit / 4} {
		w.now += wait
		if newest >= 0 {
			w.copyOf(newest)
		}
	}
	x.node.poke(math.MaxUint64)
	w.now += 2 * hedge
	x.node.poke(math.MaxUint64)
	w.landOf(x.node)
	x.node.poke(math.MaxUint64)
	x.run()
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

// lose refuses what a node has in flight.
func (w *World) lose(n *node) {
	for i := 0; i < len(w.flights); {
		if w.flights[i].from == n {
			w.land(i, refused, false)
		} else {
			i++
		}
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

// outage lets alice go on with a session while no enforcer lives, for so long
// that what they must decide first, when they live again, rests on what was long
// before.
func (w *World) outage(s Step) {
	w.alice.single(w.alice.next("s0", 0, s.A), "alice, before an outage")
	w.tick(50 * time.Millisecond)
	for _, e := range w.enforcers {
		e.node.crash()
	}
	w.tick(memory / 3 * 2)
	w.alice.single(w.alice.next("s0", 0, s.B), "alice, during an outage")
	w.tick(50 * time.Millisecond)
	w.tick(memory / 2)
	for _, e := range w.enforcers {
		e.node.start()
	}
	w.tick(50 * time.Millisecond)
}

func (w *World) haltAll() message { return w.haltOf(w.scopes()[0]) }
