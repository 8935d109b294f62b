//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestBoundAdversity does to a zone of real processes, around halts, what a
// machine or a network may do: an executor frozen between its claim and its act,
// at other moments, and with its connection cut; a frozen broker; a dead
// sentinel. The bound holds through all of it, by what a server outside saw.
func TestBoundAdversity(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	t.Parallel()
	z := newBoundZone(t)
	way := newLink(t, "127.0.0.1:"+z.port)
	z.startAll(way)
	stop := z.load()
	for _, f := range []freeze{
		{name: "with its claim on the way"},
		{name: "with its claim on the way, halted before", haltFirst: true},
		{name: "with its claim on the way, cut off", cut: true},
		{name: "with its claim on the way, lifted before it goes on", liftFirst: true},
		{name: "with its claim on the way, cut off, beyond the pulse limit", cut: true, long: true},
	} {
		z.freezeClaiming(way, f)
	}
	for range randomFreezes {
		z.freezeAtRandom()
	}
	for _, f := range []freeze{{name: "before the halt"}, {name: "right behind the halt", haltFirst: true}, {name: "beyond the pulse limit", long: true}} {
		z.freezeServer(f)
	}
	died := z.killSentinel()
	z.await(len(z.agents) * boundWorkers)
	stop()
	z.settled() // every valid claim has an outcome
	book, stops, acts := z.verdict()
	z.checkDeadMan(book, acts, died)
	z.checkAbandoned(book, stops)
}

const randomFreezes = 4

// freeze is how a process is stopped around a halt.
type freeze struct {
	name      string
	haltFirst bool // the halt is acknowledged before the process stops
	liftFirst bool // the halt is lifted before the process goes on
	cut       bool // its connections end while it is stopped
	long      bool // it outlasts the pulse limit
}

// lasts is how long a process is frozen: no shorter than the start bound.
func (f freeze) lasts(z *boundZone) time.Duration {
	d := z.bounds.start + z.randomly(z.bounds.start)
	if f.long {
		d += z.bounds.pulse
	}
	return d
}

// freezeClaiming cuts the first executor off when it has sent claims, so that it
// cannot read them back, and stops it before it hears again. What it finds when
// it goes on are valid claims of its own that stand before the halt.
func (z *boundZone) freezeClaiming(way *link, f freeze) {
	z.t.Helper()
	z.await(boundWorkers)
	deaf := way.deafAt("fabric."+z.fabric.Zone+".claim.", true)
	select {
	case <-deaf:
	case <-time.After(killLoopPatience):
		z.t.Fatalf("%s: x1 sent no claim for %v", f.name, killLoopPatience)
	}
	if f.haltFirst {
		z.halt(global())
	}
	goOn := z.freezeExecutor()
	way.hear()
	if f.cut {
		way.cut()
	}
	if !f.haltFirst {
		z.halt(global())
	}
	if f.liftFirst {
		z.resume()
	}
	time.Sleep(f.lasts(z)) // the experiment
	goOn()
	if !f.liftFirst {
		z.resume()
	}
}

// freezeAtRandom stops the first executor at a moment that has nothing to do
// with what it is doing.
func (z *boundZone) freezeAtRandom() {
	z.t.Helper()
	z.await(boundWorkers)
	time.Sleep(z.randomly(30 * time.Millisecond))
	goOn := z.freezeExecutor()
	z.halt(global())
	time.Sleep(freeze{}.lasts(z))
	goOn()
	z.resume()
}

// freezeExecutor stops the first executor until goOn is called.
func (z *boundZone) freezeExecutor() (goOn func()) {
	z.t.Helper()
	x1 := trust.Identity{TrustDomain: z.fabric.TrustDomain, Zone: z.fabric.Zone, Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}
	must(z.t, z.parts["x1"].Pause())
	from := time.Now().Add(clockRounding) // a signal takes a moment
	return func() {
		z.t.Helper()
		z.frozen = append(z.frozen, frozen{x1.String(), from, time.Now()})
		must(z.t, z.parts["x1"].Resume())
	}
}

// freezeServer stops the broker around a halt. A halt that reaches it while it is
// stopped is acknowledged when it goes on, and counts from where it stands then.
func (z *boundZone) freezeServer(f freeze) {
	z.t.Helper()
	z.await(boundWorkers)
	time.Sleep(z.randomly(20 * time.Millisecond))
	if f.haltFirst {
		z.halt(global())
	}
	server := z.parts["server"]
	must(z.t, server.Pause())
	goesOn := time.AfterFunc(f.lasts(z), func() {
		if err := server.Resume(); err != nil {
			z.t.Error(err)
		}
	})
	defer goesOn.Stop()
	if !f.haltFirst {
		z.halt(global())
	}
	z.resume()
}

// killSentinel ends the only sentinel, lets the zone fall silent, and starts it
// again. It returns when it was dead.
func (z *boundZone) killSentinel() (died time.Time) {
	z.t.Helper()
	z.await(boundWorkers)
	z.parts["sentinel"].Kill()
	died = time.Now()
	time.Sleep(z.bounds.pulse + 2*z.bounds.start) // the experiment
	z.start("sentinel")
	return died
}

// checkDeadMan checks S4: nothing started later than the pulse limit and B after
// the last pulse, until the next. The load was there: something started after
// the sentinel had died.
func (z *boundZone) checkDeadMan(book *account, acts []act, died time.Time) {
	z.t.Helper()
	next := slices.IndexFunc(book.pulses, func(seq uint64) bool { return book.times[seq].After(died) })
	if next < 1 {
		z.t.Fatalf("of %d pulses none stands before the sentinel's end, or none after it", len(book.pulses))
	}
	last, again := book.times[book.pulses[next-1]], book.times[book.pulses[next]]
	end := last.Add(z.bounds.pulse + z.bounds.start)
	if !again.After(end) {
		z.t.Fatalf("a pulse came %v after the last: this proves nothing", again.Sub(last))
	}
	after, latest := 0, time.Duration(0)
	for _, a := range acts {
		if a.claim.Seq > book.pulses[next] {
			continue // under the next pulse
		}
		if a.started.After(died) {
			after++
		}
		latest = max(latest, since(last, a.started), since(last, a.arrived))
		if a.started.After(end.Add(clockRounding)) || a.arrived.After(end.Add(transit)) {
			z.t.Errorf("claim %s: started %v and was seen %v after the last pulse; the pulse limit and B are %v",
				a.claim, since(last, a.started), since(last, a.arrived), end.Sub(last))
		}
	}
	z.t.Logf("dead sentinel: last start %v after the last pulse, the pulse limit is %v and B %v; %d started after its end", latest, z.bounds.pulse, z.bounds.start, after)
	if after == 0 {
		z.t.Error("nothing started after the sentinel's end: this proves nothing")
	}
}

// checkAbandoned checks the first executor's claims that stood before a halt and
// were abandoned. That each valid one was, or started in time, settled and
// verdict have seen to; here at least some of them must have been caught between
// claim and act.
func (z *boundZone) checkAbandoned(book *account, stops []stop) {
	z.t.Helper()
	caught := map[pb.Reason]int{}
	for at, outcomes := range book.outcomes {
		o := outcomes[0].outcome
		if o.GetStatus() != pb.Status_STATUS_ABANDONED || !strings.HasSuffix(o.GetExecutor(), "/x1") {
			continue
		}
		if o.GetStarted() != nil {
			z.t.Errorf("claim %s is abandoned and states a start", at)
		}
		if slices.ContainsFunc(stops, func(s stop) bool { return at.Seq < s.seq && outcomes[0].seq > s.seq }) {
			caught[o.GetReason()]++
		}
	}
	z.t.Logf("%d halts; x1's claims that stood before one and were abandoned behind it: %v", len(stops), caught)
	if len(caught) == 0 {
		z.t.Error("no claim was caught between claim and act: this proves nothing")
	}
}
