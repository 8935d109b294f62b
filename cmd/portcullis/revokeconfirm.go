package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// awaited lists the executors that can confirm a revocation, and the one that
// could before and is not believed any more; "" if there is none.
func (r *roll) awaited(about subject) (names []string, revoked string) {
	for _, name := range r.names(pb.Role_ROLE_EXECUTOR) {
		id := r.identity(pb.Role_ROLE_EXECUTOR, name)
		entry, _ := r.release.Identity(id)
		switch {
		case len(entry.Proto.GetTools()) == 0: // it starts nothing
		case id == about.id && !r.countsWithout(id, about):
			revoked = name
		case !r.endedByKey(id):
			names = append(names, name)
		}
	}
	return names, revoked
}

// endedByKey reports whether somebody has introduced keys and all were revoked.
func (r *roll) endedByKey(id trust.Identity) bool {
	isHis := func(k known) bool { return k.id == id }
	isGood := func(k known) bool { return k.id == id && !r.state.Revoked(k.key, "") }
	return slices.ContainsFunc(r.keys, isHis) && !slices.ContainsFunc(r.keys, isGood)
}

// confirm tells how each executor confirms the revocation, at most for a while.
// One that is revoked itself is not waited for.
func (r *revoking) confirm(ctx context.Context, wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	pending, revoked := r.roll.awaited(r.about)
	if revoked != "" {
		if err := r.g.say(map[string]any{"event": "not_awaited", "executor": revoked},
			"%s  is not waited for: what it says counts no more\n", revoked); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if len(pending) == 0 {
		return r.tellDone(ctx, nil, wait)
	}
	expected := slices.Clone(pending)
	all, err := r.observer.Confirm(waiting, r.sent, everything, zone.Quiescent, func(one zone.Confirmation) error {
		if !slices.Contains(expected, one.ID.Name) {
			return nil
		}
		if one.Settled >= 0 {
			pending = slices.DeleteFunc(pending, func(name string) bool { return name == one.ID.Name })
		}
		if len(pending) == 0 {
			cancel() // whoever else serves something is not believed
		}
		return r.tellConfirmed(one)
	})
	if err != nil {
		return r.orStands(ctx, err)
	}
	all = slices.DeleteFunc(all, func(one zone.Confirmation) bool { return !slices.Contains(expected, one.ID.Name) })
	return r.tellDone(ctx, all, wait)
}

func (r *revoking) tellConfirmed(one zone.Confirmation) error {
	quiescent := one.Settled >= 0
	if quiescent && one.Settled > one.Folded {
		return r.g.say(map[string]any{"event": "quiescent", "executor": one.ID.Name, "after_ms": millis(one.Settled)},
			"%s  quiescent after %s\n", one.ID.Name, span(one.Settled))
	}
	return r.g.say(map[string]any{
		"event": "confirmed", "executor": one.ID.Name, "after_ms": millis(one.Folded), "position": one.Beat.GetPosition(),
		"running": one.Beat.GetRunning(), "halted_running": one.Beat.GetHaltedRunning(), "quiescent": quiescent,
	}, "%s  confirmed after %s: folded to %d, %s\n", one.ID.Name, span(one.Folded), one.Beat.GetPosition(), stopping(one.Beat))
}

// stopping says what an executor runs, and how much of it was told to stop.
func stopping(beat *pb.Heartbeat) string {
	if n := beat.GetHaltedRunning(); n > 0 {
		return fmt.Sprintf("%d running, %d of them told to stop", beat.GetRunning(), n)
	}
	return fmt.Sprintf("%d running", beat.GetRunning())
}

// tellDone names who has not confirmed, and closes with the time that it took.
func (r *revoking) tellDone(ctx context.Context, all []zone.Confirmation, wait time.Duration) error {
	bound := r.roll.release.Bounds.Start
	missing, last := []string{}, time.Duration(0)
	for _, one := range all {
		if last = max(last, one.Settled); one.Settled >= 0 {
			continue
		}
		missing = append(missing, one.ID.Name)
		why := unconfirmedRevoke(one, bound)
		if err := r.g.say(map[string]any{"event": "unconfirmed", "executor": one.ID.Name, "why": why}, "%s  %s\n", one.ID.Name, why); err != nil {
			return err
		}
	}
	err := r.g.say(map[string]any{
		"event": "done", "quiescent": len(missing) == 0, "after_ms": millis(last), "bound_ms": millis(bound), "executors": len(all), "unconfirmed": missing,
	}, "%s\n", closingRevoke(ctx, len(all), missing, last, wait))
	if err == nil && len(missing) > 0 {
		return silent(exitUnconfirmed)
	}
	return err
}

// unconfirmedRevoke says what is known of an executor, and what bounds it all
// the same: a revocation opens an epoch, so every claim behind it on a decision
// before it is void.
func unconfirmedRevoke(one zone.Confirmation, bound time.Duration) string {
	limit := fmt.Sprintf("it cannot start what this ends later than %s after it: a claim behind it is void", span(bound))
	switch {
	case one.Folded >= 0:
		return fmt.Sprintf("not quiescent: %s", stopping(one.Beat))
	case one.Beat != nil:
		return fmt.Sprintf("behind: folded to %d only; %s", one.Beat.GetPosition(), limit)
	default:
		return "silent; " + limit
	}
}

// closingRevoke is the last line.
func closingRevoke(ctx context.Context, executors int, missing []string, last, wait time.Duration) string {
	switch {
	case executors == 0:
		return "no executor is left to confirm it"
	case len(missing) > 0 && ctx.Err() != nil:
		return fmt.Sprintf("interrupted: the revocation stands; not confirmed by %s", strings.Join(missing, ", "))
	case len(missing) > 0:
		return fmt.Sprintf("not confirmed by %s within %s; the revocation stands", strings.Join(missing, ", "), wait)
	default:
		return fmt.Sprintf("confirmed by all after %s", span(last))
	}
}
