package drift

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// claims holds the valid claims: those without an outcome, and for W those with
// one.
type claims struct {
	book    *permit.Book
	open    map[ledger.Position]*claim
	done    aged.Map[ledger.Position, *claim]
	begun   time.Time // log time of the first record
	middle  bool      // the feed began after the ledger's first record
	horizon uint64    // claims at or before this sequence may be unknown
	newest  time.Time // log time of the newest record
	asleep  time.Duration
}

// claim is a valid claim.
type claim struct {
	executor    trust.Identity
	intent      trust.Digest
	tool, agent string
	epoch       uint64    // at the claim
	due         time.Time // log time when its action must have ended
	asleep      time.Duration
	outcome     trust.Digest // of the first outcome; zero while there is none
	settled     bool         // governors know that it has none
}

// maxClaims bounds the valid claims that are remembered: as many without an
// outcome, and as many with one. What does not fit is unknown from then on.
const maxClaims = 1 << 16

func newClaims() claims {
	return claims{book: permit.NewBook(permit.Owner{}), open: make(map[ledger.Position]*claim)}
}

// begin notes where the feed begins.
func (w *Watch) begin(f *ledger.Fold, seq uint64) {
	if w.claims.begun.IsZero() {
		w.claims.begun, w.claims.middle, w.claims.horizon = f.LogTime(), seq > 1, seq-1
		w.trips = trips(f.Governance())
	}
}

func (c *claims) expire(f *ledger.Fold) {
	c.sleep(f)
	c.book.Expire(f.LogTime())
	if release := f.Governance().Release(); release != nil {
		unknown := func(at ledger.Position) { c.horizon = max(c.horizon, at.Seq) }
		c.done.Forget(f.LogTime().Add(-release.Bounds.Memory), unknown)
		c.done.Trim(maxClaims, unknown)
	}
}

// sleep adds up the time in which nothing was written: no pulse even. The zone
// was down, and nobody could write an outcome.
func (c *claims) sleep(f *ledger.Fold) {
	gap := f.LogTime().Sub(c.newest)
	if release := f.Governance().Release(); release != nil && !c.newest.IsZero() && gap > release.Bounds.PulseLimit {
		c.asleep += gap - release.Bounds.PulseLimit
	}
	c.newest = f.LogTime()
}

// late is how long ago a claim's action had to end, of the time in which the zone
// was up; negative if it need not have ended.
func (c *claims) late(one *claim, logTime time.Time) time.Duration {
	return logTime.Sub(one.due) - (c.asleep - one.asleep)
}

// judges reports whether everything was read that a claim at this position may
// rest on. Where the feed began, log time may have been ahead of the broker's
// clock by what clocks may differ.
func (c *claims) judges(f *ledger.Fold) bool {
	bounds := f.Governance().Release().Bounds
	return !c.middle || f.LogTime().Sub(c.begun) > bounds.MaxDeadline+bounds.PulseLimit+bounds.MaxClockSkew
}

// claimed judges claims as everybody does, and keeps the valid ones.
func (w *Watch) claimed(f *ledger.Fold, rec ledger.Record) {
	for i, item := range rec.Items {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		w.claims.add(f, w.claims.book.Claim(f, rec.Token, rec.Signer.ID, at, item))
	}
}

func (c *claims) add(f *ledger.Fold, r permit.Ruling) {
	if !c.judges(f) || r.Valid() && len(c.open) >= maxClaims {
		c.horizon = max(c.horizon, r.Position.Seq)
		return
	}
	if !r.Valid() {
		return
	}
	d := r.Decision
	one := &claim{executor: r.Executor, intent: r.Intent, tool: d.GetTool(), agent: d.GetAgent(), epoch: d.GetEpoch(), due: d.GetDeadline().AsTime(), asleep: c.asleep}
	if tool, known := f.Governance().Release().Tool(d.GetTool()); known && tool.GetRunLimit() != nil {
		if end := f.LogTime().Add(tool.GetRunLimit().AsDuration()); end.Before(one.due) {
			one.due = end
		}
	}
	c.open[r.Position] = one
}

// find returns a valid claim; unknown says that nobody here can tell whether it
// was one.
func (c *claims) find(at ledger.Position) (one *claim, unknown bool) {
	if one = c.open[at]; one == nil {
		one, _ = c.done.Get(at)
	}
	return one, one == nil && at.Seq <= c.horizon
}

// settle notes which claims governors know to have no outcome: else a zone that
// has lost an executor for good could never resume.
func (c *claims) settle(w *Watch, gov *governance.State, logTime time.Time, lifted []governance.Halt) {
	set := w.settings[schemas.DriftClaimStuck]
	for at, one := range c.open {
		late := c.late(one, logTime)
		if late > set.threshold && answered(gov, set, schemas.DriftClaimStuck, one.stuck(at, late), lifted) {
			one.settled = true
		}
	}
}
