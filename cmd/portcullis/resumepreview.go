package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// preview tells what lifting the halts would do.
func (r *resuming) preview(ctx context.Context) (zone.Preview, error) {
	p, err := r.gov.Preview(ctx, r.ids)
	if err != nil {
		return p, err
	}
	r.halted = len(p.State.Halts())
	trips, err := r.stillTripping(ctx, p.Halts)
	if err != nil {
		return p, err
	}
	if r.g.json {
		return p, writeJSON(r.g.stdout, r.previewJSON(p, trips))
	}
	return p, r.g.say(nil, "%s", r.previewText(p, trips))
}

// stillTripping asks the sentinels, if a trip is to be lifted, whether they would
// trip again.
func (r *resuming) stillTripping(ctx context.Context, lifted []governance.Halt) ([]zone.Finding, error) {
	tripped := false
	for _, h := range lifted {
		tripped = tripped || h.Rule != ""
	}
	if !tripped {
		return nil, nil
	}
	if err := r.observer.Heard(ctx); err != nil {
		return nil, err
	}
	status, err := r.observer.Status(ctx)
	return status.StillTripping(lifted), err
}

func (r *resuming) previewText(p zone.Preview, trips []zone.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "would lift %d of %d halts:\n", len(p.Halts), r.halted)
	for _, h := range p.Halts {
		fmt.Fprintf(&b, "  %s\n", haltText(r.f, h))
	}
	b.WriteString("allowed again, where policy and limits permit:\n")
	for _, a := range p.Again {
		who := a.Agent
		if a.Session != "" {
			who += ", session " + quoted(a.Session)
		}
		fmt.Fprintf(&b, "  %s: %s\n", who, strings.Join(a.Tools, ", "))
	}
	if len(p.Again) == 0 {
		b.WriteString("  nothing\n")
	}
	atLeast := ""
	if !p.Whole {
		atLeast = "at least "
	}
	fmt.Fprintf(&b, "denied as halted meanwhile: %s%s; they do not come back by themselves\n", atLeast, plural(p.Denied, "intent"))
	for _, t := range trips {
		fmt.Fprintf(&b, "warning: sentinel %s still finds %s of %s: it would trip again\n", t.By.Name, t.GetRule(), quoted(t.GetSubject()))
	}
	return b.String()
}

func (r *resuming) previewJSON(p zone.Preview, trips []zone.Finding) any {
	type againObject struct {
		Agent   string   `json:"agent"`
		Session string   `json:"session"`
		Tools   []string `json:"tools"`
	}
	halts, again, still := []any{}, []againObject{}, []any{}
	for _, h := range p.Halts {
		halts = append(halts, haltJSON(r.f, h))
	}
	for _, a := range p.Again {
		again = append(again, againObject(a))
	}
	for _, t := range trips {
		still = append(still, map[string]any{"rule": t.GetRule(), "subject": t.GetSubject(), "detail": t.GetDetail(), "by": t.By.Name})
	}
	return map[string]any{
		"event": "preview", "halts": halts, "allowed_again": again, "denied": p.Denied, "denied_all_counted": p.Whole, "trips_again": still,
	}
}

// everything is the scope of every executor.
var everything = &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}

// arm waits until the executors say that they are armed, and names those that do
// not.
func (r *resuming) arm(ctx context.Context, sent zone.Sent, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	all, err := r.observer.Confirm(waiting, sent, everything, zone.Armed, func(one zone.Confirmation) error {
		if one.Settled < 0 {
			return nil
		}
		return r.g.say(map[string]any{"event": "armed", "executor": one.ID.Name, "after_ms": millis(one.Settled)},
			"%s  armed after %s\n", one.ID.Name, span(one.Settled))
	})
	if err != nil {
		return err
	}
	unarmed := false
	for _, one := range all {
		if one.Settled >= 0 {
			continue
		}
		unarmed = true
		why := unarmedWhy(one)
		if err := r.g.say(map[string]any{"event": "unarmed", "executor": one.ID.Name, "why": why}, "%s  not armed: %s\n", one.ID.Name, why); err != nil {
			return err
		}
	}
	if unarmed {
		return silent(exitUnconfirmed)
	}
	return nil
}

func unarmedWhy(one zone.Confirmation) string {
	switch {
	case one.Beat == nil:
		return "silent"
	case one.Folded < 0:
		return fmt.Sprintf("behind: folded to %d only", one.Beat.GetPosition())
	default:
		return one.Beat.GetDisarmed()
	}
}
