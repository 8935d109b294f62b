package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// confirming tells how a halt or a drill is confirmed.
type confirming struct {
	g        *globals
	f        *fabric.Fabric
	observer *zone.Observer
	scope    *pb.Scope
	before   time.Time // this machine's clock, before the halt was sent

	sent   zone.Sent
	after  time.Time // this machine's clock, when it was acknowledged
	stored time.Time // the broker's
	drill  bool

	// byGovernor: this folder knows its signer as a governor. Else it may be for
	// nothing, and nobody is told that it halts before that is read.
	byGovernor bool
}

func (c *confirming) send(ctx context.Context, gov *zone.Governing, record *pb.Governance) error {
	data, err := gov.Sign(record)
	if err != nil {
		return err
	}
	c.sent, err = gov.Send(ctx, data)
	c.after = c.f.Clock()
	c.byGovernor = knownSigner(c.f, data)
	return err
}

// knownSigner reports whether a governor that the folder knows has signed.
func knownSigner(f *fabric.Fabric, data []byte) bool {
	state, err := f.State()
	if err != nil {
		return false
	}
	env, err := trust.ParseEnvelope(data)
	return err == nil && len(env.Signers(state.Governors())) > 0
}

// tellHalted says that the ledger has acknowledged the halt.
func (c *confirming) tellHalted(drill bool) error {
	c.drill = drill
	spelt, id, seq := governance.ScopeString(c.scope), c.sent.ID, c.sent.Seq
	object := map[string]any{"event": "halted", "halt": id.String(), "scope": spelt, "position": seq, "drill": drill}
	if drill {
		return c.g.say(object, "drill at ledger position %d: nothing is stopped\n", seq)
	}
	return c.g.say(object, "halted %s at ledger position %d\nlift it with: portcullis resume %s --reason TEXT\n", spelt, seq, id.Short())
}

// effective makes sure that the halt took effect where it stands.
func (c *confirming) effective(ctx, within context.Context) (err error) {
	if c.stored, err = c.observer.Effective(within, c.sent); err != nil {
		return c.orStands(ctx, err)
	}
	return nil
}

// confirm tells how each executor confirms the halt, at most for a while.
func (c *confirming) confirm(ctx context.Context, wait time.Duration) error {
	release := c.observer.Release()
	if release == nil {
		return nil // nothing starts before the first one
	}
	c.warnOfClock(release.Bounds.MaxClockSkew)
	c.warnOfScope(release)
	if wait == 0 {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	all, err := c.observer.Confirm(waiting, c.sent, c.scope, zone.Quiescent, c.tellConfirmed)
	if err != nil {
		return c.orStands(ctx, err)
	}
	return c.tellDone(ctx, all, release.Bounds.Start, wait)
}

// orStands says, when waiting ends before anything is known, that the halt was
// acknowledged all the same.
func (c *confirming) orStands(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, zone.ErrNoEffect):
		return err
	case ctx.Err() != nil:
		return &failure{exitUnconfirmed, fmt.Errorf("interrupted: the halt stands at position %d, and nobody was heard to confirm it; see portcullis status", c.sent.Seq)}
	default:
		return &failure{exitUnconfirmed, err}
	}
}

// warnOfClock does not refuse: a halt goes through whatever the clocks say.
func (c *confirming) warnOfClock(limit time.Duration) {
	if off := zone.Skew(c.stored, c.before, c.after); off.Abs() > limit {
		fmt.Fprintf(c.g.stderr, "warning: this machine's clock differs from the ledger's by %s; times told below by executors' clocks are theirs\n", off.Round(time.Second))
	}
}

// warnOfScope does not refuse: a halt may come before what it names. But a slip
// of the pen must not look like a stop.
func (c *confirming) warnOfScope(release *governance.Release) {
	known := true
	switch c.scope.GetKind() { //nolint:exhaustive // other scopes name nobody
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		_, known = release.Tool(c.scope.GetValue())
	case pb.ScopeKind_SCOPE_KIND_AGENT, pb.ScopeKind_SCOPE_KIND_SESSION:
		id, err := trust.ParseIdentity(c.scope.GetValue())
		_, known = release.Identity(id)
		known = known && err == nil
	default:
	}
	if !known {
		fmt.Fprintf(c.g.stderr, "warning: the release in force knows nothing that %s names: this halt stops nothing now\n", governance.ScopeString(c.scope))
	}
}

func (c *confirming) tellConfirmed(one zone.Confirmation) error {
	quiescent := one.Settled >= 0
	if quiescent && one.Settled > one.Folded {
		return c.g.say(map[string]any{"event": "quiescent", "executor": one.ID.Name, "after_ms": millis(one.Settled)},
			"%s  quiescent after %s\n", one.ID.Name, span(one.Settled))
	}
	object := map[string]any{
		"event": "confirmed", "executor": one.ID.Name, "after_ms": millis(one.Folded), "position": one.Beat.GetPosition(),
		"running": one.Beat.GetRunning(), "halted_running": one.Beat.GetHaltedRunning(), "quiescent": quiescent,
	}
	word := "confirmed"
	if quiescent {
		word = "confirmed and quiescent"
	}
	started := "nothing started yet"
	if start := one.Beat.GetLastStart(); start != nil {
		claim, before := ledger.PositionOf(start.GetClaim()), c.stored.Sub(start.GetAt().AsTime())
		object["last_start"] = map[string]any{"claim": claim.String(), "before_halt_ms": millis(before)}
		started = fmt.Sprintf("last start claim %s %s", claim, c.relative(before))
	}
	return c.g.say(object, "%s  %s after %s: folded to %d, %s, %s\n", one.ID.Name, word, span(one.Folded), one.Beat.GetPosition(), started, running(one.Beat))
}

func running(beat *pb.Heartbeat) string {
	if n := beat.GetHaltedRunning(); n > 0 {
		return fmt.Sprintf("%d running, %d of them in scope", beat.GetRunning(), n)
	}
	return fmt.Sprintf("%d running", beat.GetRunning())
}

// relative says when something was, as seen from the halt.
func (c *confirming) relative(before time.Duration) string {
	what := "the halt"
	if c.drill {
		what = "the drill"
	}
	if before < 0 {
		return span(-before) + " after " + what
	}
	return span(before) + " before " + what
}

// tellDone names who has not confirmed, and closes with the time that it took.
func (c *confirming) tellDone(ctx context.Context, all []zone.Confirmation, bound, wait time.Duration) error {
	missing := []string{}
	last := time.Duration(0)
	for _, one := range all {
		if last = max(last, one.Settled); one.Settled >= 0 {
			continue
		}
		missing = append(missing, one.ID.Name)
		why := c.unconfirmed(one, bound)
		if err := c.g.say(map[string]any{"event": "unconfirmed", "executor": one.ID.Name, "why": why}, "%s  %s\n", one.ID.Name, why); err != nil {
			return err
		}
	}
	err := c.g.say(map[string]any{
		"event": "done", "quiescent": len(missing) == 0, "after_ms": millis(last), "bound_ms": millis(bound), "executors": len(all), "unconfirmed": missing,
	}, "%s\n", c.closing(ctx, len(all), missing, last, bound, wait))
	if err == nil && len(missing) > 0 {
		return silent(exitUnconfirmed)
	}
	return err
}

// unconfirmed says what is known of an executor, and what bounds it all the same.
func (c *confirming) unconfirmed(one zone.Confirmation, bound time.Duration) string {
	limit := fmt.Sprintf("it cannot start anything later than %s after the halt: a claim behind it is void", span(bound))
	if c.drill {
		limit = "after a halt it could not start anything later than " + span(bound)
	}
	switch {
	case one.Folded >= 0:
		return fmt.Sprintf("not quiescent: %s, and told to stop; it starts nothing new in scope", running(one.Beat))
	case one.Beat != nil:
		return fmt.Sprintf("behind: folded to %d only; %s", one.Beat.GetPosition(), limit)
	default:
		return "silent; " + limit
	}
}

// closing is the last line.
func (c *confirming) closing(ctx context.Context, executors int, missing []string, last, bound, wait time.Duration) string {
	stands := "the halt stands"
	if c.drill {
		stands = "nothing was stopped"
	}
	switch {
	case executors == 0:
		return "no executor serves anything in scope"
	case len(missing) > 0 && ctx.Err() != nil:
		return fmt.Sprintf("interrupted: %s; not confirmed by %s", stands, strings.Join(missing, ", "))
	case len(missing) > 0:
		return fmt.Sprintf("not confirmed by %s within %s; %s", strings.Join(missing, ", "), wait, stands)
	case c.drill:
		return fmt.Sprintf("confirmed by all after %s; the start bound B is %s; nothing was stopped", span(last), span(bound))
	default:
		return fmt.Sprintf("quiescent after %s; the start bound B is %s", span(last), span(bound))
	}
}
