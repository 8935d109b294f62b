package sim

import (
	"math"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Result is what a run came to.
type Result struct {
	Failure  *Failure // nil if everything held
	Acts     int
	Approved int // acts that policy wanted approved
	Seconds  int // second acts of executors that were shown another ledger, within their bound
	Betrayed int // followers that learned by a pulse that they were
	Records  int

	Found []audit.Finding // what an auditor finds on the ledger
}

// Run plays the steps in the world of cfg, then heals everything and demands
// that an honest intent is executed. Trace, if set, hears what happens.
func Run(cfg Config, flaw Flaw, steps []Step, trace func(string)) Result {
	w := newWorld(cfg, flaw, trace)
	for i, s := range steps {
		w.play(s)
		if w.failure != nil {
			w.failure.Step = i
			break
		}
	}
	if w.failure == nil && flaw == (Flaw{}) {
		w.epilogue()
		if w.failure != nil {
			w.failure.Step = len(steps)
		}
	}
	if w.failure == nil && flaw == (Flaw{}) {
		w.checkAudit()
	} else {
		w.aftermath()
		w.found = w.audit().Findings
	}
	return Result{Found: w.found, Failure: w.failure, Acts: len(w.acts), Approved: w.approved, Seconds: w.seconds, Betrayed: w.betrayed, Records: len(w.entries)}
}

func (w *World) play(s Step) {
	w.now += s.Wait
	node := w.nodes[int(s.A)%len(w.nodes)]
	x := w.executors[int(s.A)%len(w.executors)]
	switch s.Op {
	case OpTick:
		for range 1 + s.A%5 {
			w.tick(10 * time.Millisecond)
		}
	case OpWait:
		w.now += s.Wait
	case OpPropose:
		w.alice.ask(s.A, s.B)
	case OpMischief:
		w.bob.mischief(s.A, s.B)
	case OpPoke:
		node.poke(uint64(s.B % 9))
	case OpLand:
		w.landStep(s)
	case OpRun:
		x.run()
	case OpAnswer:
		w.answer(s.A, s.B)
	case OpPulse:
		w.sentinel.pulse()
	case OpHalt:
		w.halt(s.A)
	case OpDrill:
		w.send(nil, w.drill(), nil)
	case OpResume:
		w.resume(s.A)
	case OpRelease:
		w.publish(s.A)
	case OpRevoke:
		w.revoke(s.A)
	case OpTrip:
		w.sentinel.trip(w.scope(s.A))
	case OpCrash, OpStart, OpPause, OpJump, OpCut:
		w.disturb(node, s)
	case OpCopy:
		w.copyOf(w.recent(s))
	case OpForge:
		w.forge(s.A)
	case OpShow:
		w.plan(s)
	case OpSkew:
		if w.cfg.LyingTime {
			w.lie = time.Duration(int64(s.A)%int64(2*maxSkew)) - maxSkew
		}
	case OpOutage:
		if s.A%2 == 0 {
			w.outage(s)
		}
	case OpAmbush:
		w.ambush(s)
	case opCount:
	}
}

// recent is an entry: mostly one of the newest.
func (w *World) recent(s Step) int {
	n := len(w.entries)
	if s.B%4 != 0 {
		return n - 1 - int(s.A)%min(n, 24)
	}
	return int(s.A) % n
}

func (w *World) landStep(s Step) {
	if len(w.flights) == 0 {
		return
	}
	how, twice := acknowledged, false
	switch s.B % 8 {
	case 0:
		how = unknown
	case 1:
		how = refused
	case 2:
		twice = true
	}
	w.land(int(s.A)%len(w.flights), how, twice)
}

func (w *World) disturb(n *node, s Step) {
	switch s.Op { //nolint:exhaustive // the steps that are about one node
	case OpCrash:
		n.crash()
	case OpStart:
		if n.frozen <= w.now && !n.cut {
			n.crash()
			n.start()
		}
	case OpPause:
		n.frozen = w.now + time.Duration(s.B%1500)*time.Millisecond
		w.logf("%s freezes until %.3fs", n.name, n.frozen.Seconds())
	case OpJump:
		n.wall = time.Duration(int64(s.B)%int64(2*maxSkew)) - maxSkew
		w.logf("%s's wall clock is %v off", n.name, n.wall)
	case OpCut:
		n.cut = !n.cut
		w.logf("%s is cut off: %v", n.name, n.cut)
	}
}

// tick is a moment in which nothing goes wrong that has not gone wrong already:
// messages land, nodes read to the end and do what is due.
func (w *World) tick(d time.Duration) {
	w.now += d
	for i := 0; i < len(w.flights) && w.failure == nil; {
		before := len(w.flights)
		w.land(i, acknowledged, false)
		if len(w.flights) == before {
			i++ // its sender is cut off
		}
	}
	for _, n := range w.nodes {
		if w.failure != nil {
			return
		}
		n.poke(math.MaxUint64)
		if n.able() {
			n.actor.run()
		}
	}
}

// epilogue is L1: with all faults gone, everything halted resumed and a pulse on
// the ledger, what alice asks for is executed, approved where policy wants that,
// and a drill does not change it.
func (w *World) epilogue() {
	w.logf("all is well from here on")
	w.heal()
	for range 10 { // what was under way ends
		w.tick(500 * time.Millisecond)
	}
	if m, some := w.resumption(2, "the last resume"); some {
		w.append(m)
	}
	if p := w.told().Release; p.GetLimits()[0].GetMax() < limitMax || !validAt(p, w.told().LogTime.Add(memory)) {
		w.append(w.nextRelease(plain))
	}
	for range 5 {
		w.tick(200 * time.Millisecond)
	}
	read := w.alice.single(w.alice.next("the-end", 0, 3400), "alice's last intent")
	pay := w.alice.single(w.alice.next("the-end", 1, 3434), "alice's last payment")
	w.tick(20 * time.Millisecond)
	w.append(w.drill())
	w.say("p1", pay, true)
	for range 15 {
		w.tick(40 * time.Millisecond)
	}
	w.checkLast(read, "intent")
	w.checkLast(pay, "payment")
}

func (w *World) heal() {
	w.lie = 0
	for _, n := range w.nodes {
		n.frozen, n.cut, n.wall, n.ploy = 0, false, 0, ploy{}
		if n.victim || !n.up {
			n.shown = map[uint64]*entry{}
			n.crash()
			n.start()
			n.victim, n.warped = false, false
		}
	}
}

func (w *World) checkLast(intent trust.Digest, what string) {
	if w.failure != nil {
		return
	}
	for _, a := range w.acts {
		if a.Intent == intent {
			return
		}
	}
	w.fail(L1, "alice's last %s was not executed although nothing was wrong", what)
}
