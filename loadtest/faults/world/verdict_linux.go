package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Expected is what a fault may do to a zone. The zero value: nothing that needs a person.
type Expected struct {
	Trips  []string // rules of drift that may trip over it
	Skewed []string // executors whose wall clock was wrong, so that the times that they state prove nothing
	Frozen []string // hosts whose executor stood still: what it had started before is seen outside after
	// Findings are rules of the audit that may find something: what was left of a history that was lost.
	Findings []audit.Rule
	// Lost says that the brokers may have lost what they had acknowledged. How that was found out is the test's to show: what
	// an audit reads afterwards is a ledger that governors signed for.
	Lost bool
}

// Verdict is what became of a zone.
type Verdict struct {
	Records  int
	Effects  int
	Outcomes map[pb.Status]int
	Acked    int            // records acknowledged to the test itself
	Lost     int            // of them, those that are not there
	Trips    map[string]int // by rule
	Pause    time.Duration  // the longest time without any effect
	Audit    *audit.Report
}

// transit is how long after its start an effect may be seen: a connection within a machine that is busy. What starts against a
// halt or without a pulse does so again and again, so it is seen beyond that, too.
const transit = 500 * time.Millisecond

// rounding is how far the wall clock, which is being steered, and the boot clock, by which an executor measures, may drift apart.
const rounding = 5 * time.Millisecond

// Verdict ends the load, waits until everything that began has ended, and holds what the ledger says against what was seen, what
// agents were told, and what the brokers acknowledged. Then it exports the ledger and audits it. Whatever is wrong fails the
// test.
func (w *World) Verdict(e Expected) *Verdict {
	w.t.Helper()
	w.load.end()
	effects := w.Outside.Effects()
	a := w.settle(effects, e)
	v := &Verdict{Records: len(a.records) - 1, Effects: len(effects), Outcomes: map[pb.Status]int{}, Trips: map[string]int{}, Pause: longestPause(effects)}
	c := &court{w: w, account: a, expected: e, verdict: v}
	c.effects(effects)
	c.outcomes(effects)
	c.promises()
	c.halts(effects)
	c.trips()
	c.complain()
	v.Audit = w.audit(e)
	return v
}

// settle reads the ledger until every effect has its outcome.
func (w *World) settle(effects []Effect, e Expected) *account {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	defer cancel()
	for {
		a, err := w.read(ctx)
		must(w.t, err)
		open := 0
		for _, effect := range effects {
			if len(a.outcomes[effect.Claim]) == 0 && (a.claims[effect.Claim] != nil || !e.Lost) {
				open++
			}
		}
		if open == 0 {
			return a
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("%d of %d effects have no outcome", open, len(effects))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// court holds one story against another.
type court struct {
	w        *World
	account  *account
	expected Expected
	verdict  *Verdict
	wrong    []string
}

func (c *court) find(format string, a ...any) { c.wrong = append(c.wrong, fmt.Sprintf(format, a...)) }

// effects: each rests on a claim of its own (S1, S2), and started within B of it (S3).
func (c *court) effects(all []Effect) {
	claims, intents := map[ledger.Position]bool{}, map[trust.Digest]bool{}
	for _, e := range all {
		if intents[e.Intent] || claims[e.Claim] && !c.expected.Lost {
			c.find("intent %s was acted on twice, once under claim %s", e.Intent.Short(), e.Claim)
		}
		claims[e.Claim], intents[e.Intent] = true, true
		claim := c.account.claims[e.Claim]
		if claim == nil || !bytes.Equal(claim.GetIntentDigest(), e.Intent[:]) {
			if !c.expected.Lost {
				c.find("intent %s was acted on under claim %s, and no such claim stands on the ledger", e.Intent.Short(), e.Claim)
			}
			continue
		}
		late := e.At.Sub(c.account.times[e.Claim.Seq])
		if late >= c.w.bounds.Start+transit && !slices.Contains(c.expected.Frozen, nameOf(claim.GetExecutor())) {
			c.find("the effect of claim %s of %s came %v after it; the start bound is %v", e.Claim, nameOf(claim.GetExecutor()), late, c.w.bounds.Start)
		}
	}
}

// outcomes: one for each claim that was acted on, and it says what was seen.
func (c *court) outcomes(all []Effect) {
	seen := map[ledger.Position]trust.Digest{}
	for _, e := range all {
		if _, again := seen[e.Claim]; !again || bytes.Equal(c.account.claims[e.Claim].GetIntentDigest(), e.Intent[:]) {
			seen[e.Claim] = e.Intent
		}
	}
	for claim, outcomes := range c.account.outcomes {
		if c.expected.Lost { // what is on a claim of the lost history is the audit's to find
			outcomes = slices.DeleteFunc(slices.Clone(outcomes), func(o *pb.Outcome) bool {
				return !bytes.Equal(o.GetIntentDigest(), c.account.claims[claim].GetIntentDigest())
			})
		}
		if len(outcomes) == 0 {
			continue
		}
		if len(outcomes) > 1 {
			c.find("claim %s has %d different outcomes", claim, len(outcomes))
		}
		o := outcomes[0]
		c.verdict.Outcomes[o.GetStatus()]++
		intent, acted := seen[claim]
		acted = acted && bytes.Equal(intent[:], o.GetIntentDigest())
		if acted != mustAct(o.GetStatus(), acted) {
			c.find("claim %s: its outcome is %s; was it seen? %t", claim, o.GetStatus(), acted)
		}
		if o.GetStarted() == nil || slices.Contains(c.expected.Skewed, nameOf(o.GetExecutor())) {
			continue
		}
		if late := o.GetStarted().AsTime().Sub(c.account.times[claim.Seq]); late >= c.w.bounds.Start+rounding {
			c.find("claim %s: the action started %v after it; the start bound is %v", claim, late, c.w.bounds.Start)
		}
	}
}

// mustAct is whether an action with this status was seen; for a status that leaves it open, either is right.
func mustAct(s pb.Status, acted bool) bool {
	switch s {
	case pb.Status_STATUS_EXECUTED:
		return true
	case pb.Status_STATUS_ABANDONED:
		return false
	case pb.Status_STATUS_FAILED, pb.Status_STATUS_INTERRUPTED, pb.Status_STATUS_INDETERMINATE, pb.Status_STATUS_UNSPECIFIED:
		return acted
	default:
		return acted
	}
}

// promises: what an agent was told, and what the brokers acknowledged, stands on the ledger.
func (c *court) promises() {
	for intent, out := range c.w.load.told {
		o := c.account.at[out.At]
		there := o.GetStatus() == pb.Status_STATUS_EXECUTED && bytes.Equal(o.GetIntentDigest(), intent[:])
		if !there && !c.expected.Lost {
			c.find("intent %s: an agent was told of its execution at %s, and it is not there", intent.Short(), out.At)
		}
	}
	c.verdict.Acked = len(c.w.load.acked)
	for _, r := range c.w.load.acked {
		if r.seq < uint64(len(c.account.records)) && c.account.records[r.seq] == r.digest {
			continue
		}
		c.verdict.Lost++
		if !c.expected.Lost {
			c.find("the record that was acknowledged at %d is not there", r.seq)
		}
	}
}

// halts: nothing in scope starts later than B after one was acknowledged, until it is lifted (S3). Only the test's clock counts here.
func (c *court) halts(all []Effect) {
	for _, h := range c.w.halts {
		for _, e := range all {
			late := e.At.Sub(h.Acked)
			lifted := !h.lifted.IsZero() && e.At.After(h.lifted)
			if late >= c.w.bounds.Start+transit && !lifted {
				c.find("an effect under claim %s came %v after the halt at %d; the start bound is %v", e.Claim, late, h.Seq, c.w.bounds.Start)
			}
			if !c.expected.Lost && e.Claim.Seq > h.Seq && (h.lifted.IsZero() || e.At.Before(h.lifted)) {
				c.find("claim %s stands behind the halt at %d and was acted on", e.Claim, h.Seq)
			}
		}
	}
}

// trips: a sentinel trips over what the fault may bring about, and over nothing else.
func (c *court) trips() {
	for _, trip := range c.account.trips {
		c.verdict.Trips[trip.GetRule()]++
		if !slices.Contains(c.expected.Trips, trip.GetRule()) {
			c.find("the sentinel tripped over %s (%s): %s", trip.GetRule(), trip.GetSubject(), trip.GetDetail())
		}
	}
}

func (c *court) complain() {
	c.w.t.Helper()
	const most = 20
	for i, wrong := range c.wrong {
		if i == most {
			c.w.t.Errorf("… and %d more", len(c.wrong)-most)
			return
		}
		c.w.t.Error(wrong)
	}
}

// audit exports the ledger and audits the file, as anybody could who has the digest of genesis.
func (w *World) audit(e Expected) *audit.Report {
	w.t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		w.exports++
		file := filepath.Join(w.dir, fmt.Sprintf("ledger-%d.pcx", w.exports))
		w.Command("export", "--output", file)
		out, err := w.Try("audit", file, "--anchor", w.Fabric.Ledger.String())
		r := new(audit.Report)
		if bad := json.Unmarshal([]byte(out), r); bad != nil {
			w.t.Fatalf("portcullis audit: %v: %s", err, out)
		}
		unexpected := slices.DeleteFunc(slices.Clone(r.Findings), func(f audit.Finding) bool { return slices.Contains(e.Findings, f.Rule) })
		for _, f := range unexpected {
			w.t.Errorf("the audit finds %s at %s (%s): %s", f.Rule, f.Position, f.Subject, f.Detail)
		}
		switch {
		case (err != nil) != (len(r.Findings) > 0) || !r.Whole:
			w.t.Errorf("the audit ended with %v and %d findings; of the whole ledger? %t", err, len(r.Findings), r.Whole)
			return r
		case len(unexpected) > 0:
			return r
		case r.Open == 0:
			return r
		case time.Now().After(deadline):
			w.t.Errorf("%d intents are still open", r.Open)
			return r
		}
		time.Sleep(time.Second) // until their deadlines
	}
}

// nameOf is the name at the end of a SPIFFE ID.
func nameOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func longestPause(effects []Effect) (longest time.Duration) {
	for i := 1; i < len(effects); i++ {
		longest = max(longest, effects[i].At.Sub(effects[i-1].At))
	}
	return longest
}
