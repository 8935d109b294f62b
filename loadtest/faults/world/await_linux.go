package world

import (
	"fmt"
	"strings"
	"time"
)

// ExpectSilence waits and sees that nothing at all starts from some time after a moment on, for a while.
func (w *World) ExpectSilence(since time.Time, after, length time.Duration) {
	w.t.Helper()
	w.expectSilence(since, after, length, "")
}

// ExpectSilence is World.ExpectSilence for one executor.
func (p *Part) ExpectSilence(since time.Time, after, length time.Duration) {
	p.w.t.Helper()
	p.w.expectSilence(since, after, length, p.effectAddress())
}

func (w *World) expectSilence(since time.Time, after, length time.Duration, from string) {
	w.t.Helper()
	begin := since.Add(after + transit)
	time.Sleep(time.Until(begin.Add(length))) // the experiment
	for _, e := range w.Outside.Since(begin) {
		if from == "" || e.From == from {
			w.t.Errorf("an effect of claim %s came %v after nothing could start any more but within %v", e.Claim, e.At.Sub(since), after)
			return
		}
	}
}

// AwaitEffects waits until this executor has acted so many more times.
func (p *Part) AwaitEffects(actions int) {
	p.w.t.Helper()
	begin, deadline := time.Now(), time.Now().Add(Patience)
	for {
		n := 0
		for _, e := range p.w.Outside.Since(begin) {
			if e.From == p.effectAddress() {
				n++
			}
		}
		switch {
		case n >= actions:
			return
		case time.Now().After(deadline):
			p.w.t.Fatalf("%s has acted only %d of %d times within %v: %s", p.Host.Name, n, actions, Patience, p.Log())
		}
		p.w.AwaitActions(1)
	}
}

// Mark is where a process's log ends now.
func (p *Process) Mark() int { return len(p.Log()) }

// AwaitLog waits until the process has logged one of some texts behind a mark.
func (p *Part) AwaitLog(mark int, texts ...string) {
	p.w.t.Helper()
	p.w.await(fmt.Sprintf("%s does not log any of %q", p.Host.Name, texts), func() bool {
		log := p.Log()
		for _, text := range texts {
			if strings.Contains(log[min(mark, len(log)):], text) {
				return true
			}
		}
		return false
	})
}

// AwaitDisarmed waits until an executor has said, behind a mark, that it is disarmed.
func (p *Part) AwaitDisarmed(mark int) {
	p.w.t.Helper()
	p.AwaitLog(mark, `"msg":"disarmed"`)
}

// AwaitSynced waits until every broker keeps all of the ledger.
func (w *World) AwaitSynced() {
	w.t.Helper()
	w.await("the brokers do not agree", func() bool {
		var info streamInfo
		if w.ask("$JS.API.STREAM.INFO."+w.ledgerStream(), &info) != nil || len(info.Cluster.Replicas) != len(w.Brokers)-1 {
			return false
		}
		for _, r := range info.Cluster.Replicas {
			if r.Offline || !r.Current {
				return false
			}
		}
		return true
	})
}

// await waits for a condition.
func (w *World) await(otherwise string, condition func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(Patience); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s within %v", otherwise, Patience)
		}
	}
}
