package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// revokeFlags are one revocation.
type revokeFlags struct {
	key, reason string
	wait        time.Duration
}

func newRevokeCommand(g *globals) *cobra.Command {
	var flags revokeFlags
	c := &cobra.Command{
		Use:   "revoke (ROLE NAME | SPIFFE-ID | --key KEYID) --reason TEXT",
		Short: "End an identity or a key, for good",
		Long: `Ends an identity or one signing key: nothing that it signs counts behind the
revocation's position on the ledger. There is no way back; neither a resume nor a
release undoes it. What executors run for a revoked agent is interrupted, and so
is what a revoked executor runs; of an agent whose key alone is revoked it goes
on. Who is revoked can still connect to the broker, and read what its role may.

ROLE NAME is somebody of the directory, SPIFFE-ID anybody, also who has left it.
KEYID is the id of a key that the ledger knows, or its beginning, at least eight
digits; portcullis keys lists those of this data folder.

Shows whom and which keys it means and what the zone loses by it, signs it with
the governors' keys of this data folder, makes sure that it would take effect,
appends it, and tells, live, how each executor confirms it.

One governor's key suffices. A governor is his key: revoke that with --key. Then
as many governors must sign as a release needs. Nothing is revoked where fewer
have their keys here, or where fewer would be left than a release needs.

Exit code 8: it stands, and not every executor has confirmed it in time. With
--wait 0 none is waited for.

JSON: {"event":"preview","role","name","spiffe_id","key","keys":[{"key","introduced_at","counts","why_not"}],"needed","signed":[…],
"missing":[…],"warnings":[…]}; {"event":"revoked","revocation","spiffe_id","key","position"}; {"event":"not_awaited","executor"};
{"event":"confirmed","executor","after_ms","position","running","halted_running","quiescent"}; {"event":"quiescent","executor",
"after_ms"}; {"event":"unconfirmed","executor","why"}; {"event":"done","quiescent","after_ms","bound_ms","executors","unconfirmed":[…]};
"key" is "" where an identity is revoked`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return g.revoke(c.Context(), args, flags) },
	}
	c.Flags().StringVar(&flags.key, "key", "", "the key to revoke: its id, or at least eight digits of its beginning")
	c.Flags().StringVar(&flags.reason, "reason", "", "why, for everybody to read on the ledger (required)")
	c.Flags().DurationVar(&flags.wait, "wait", confirmWithin, "how long executors may take to confirm it")
	return c
}

func (r revokeFlags) check(args []string) error {
	switch {
	case strings.TrimSpace(r.reason) == "":
		return usage(errors.New("say why with --reason"))
	case r.wait < 0:
		return usage(errors.New("--wait is less than nothing; give for example 10s, or 0 to wait for nobody"))
	case r.key != "" && len(args) > 0:
		return usage(errors.New("somebody is named, and --key names a key; give one of both"))
	case r.key == "" && len(args) == 0:
		return usage(errors.New("nobody is named; give ROLE NAME, a SPIFFE ID, or --key KEYID"))
	default:
		return nil
	}
}

func (g *globals) revoke(ctx context.Context, args []string, flags revokeFlags) error {
	if err := flags.check(args); err != nil {
		return err
	}
	err := g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) error {
		roll, err := readRoll(within, f, gov)
		if err != nil {
			return err
		}
		about, err := roll.find(args, flags.key)
		if err != nil {
			return err
		}
		r := &revoking{g: g, f: f, gov: gov, roll: roll, about: about}
		return r.run(ctx, within, flags)
	})
	return revokeUnsent(err)
}

// revokeUnsent says, where the ledger did not answer, how to learn what came of
// it.
func revokeUnsent(err error) error {
	if exitOf(err) == exitUnanswered {
		return &failure{exitUnanswered, fmt.Errorf("%w: it may stand or not; revoke again, which is refused if it stands", err)}
	}
	return err
}

// revoking revokes one subject.
type revoking struct {
	g        *globals
	f        *fabric.Fabric
	gov      *zone.Governing
	roll     *roll
	about    subject
	observer *zone.Observer
	sent     zone.Sent
}

func (r *revoking) run(ctx, within context.Context, flags revokeFlags) error {
	data, err := r.gov.Sign(r.about.record(flags.reason))
	if err != nil {
		return err
	}
	vote, err := r.roll.vote(r.about, data)
	if err != nil {
		return err
	}
	if err := r.preview(vote); err != nil {
		return err
	}
	if err := r.roll.lockedOut(r.about); err != nil {
		return err
	}
	if err := r.tooFew(vote); err != nil {
		return err
	}
	if r.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: r.f, Conn: r.gov.Conn(), Heartbeats: true}); err != nil {
		return err
	}
	defer r.observer.Close()
	if err := r.send(ctx, within, data); err != nil {
		return err
	}
	return r.confirm(ctx, flags.wait)
}

// tooFew refuses a revocation that too few governors have signed. Nobody can
// sign it elsewhere: a lost key is to be revoked now, where the keys are.
func (r *revoking) tooFew(vote fabric.Vote) error {
	if vote.Enough() {
		return nil
	}
	return fmt.Errorf("too few governors have signed (%s): their keys must be in %s; put them into its governors folder, see portcullis keys",
		voteText(vote), r.f.Dir)
}

// send appends a revocation that would take effect, and makes sure that it did.
func (r *revoking) send(ctx, within context.Context, data []byte) (err error) {
	if err = r.gov.Try(within, data); err != nil {
		return err
	}
	if r.sent, err = r.gov.Send(within, data); err != nil {
		return err
	}
	if _, err = r.observer.Effective(within, r.sent); err != nil {
		return r.orStands(ctx, err)
	}
	return r.g.say(map[string]any{
		"event": "revoked", "revocation": r.sent.ID.String(), "spiffe_id": r.about.id.String(), "key": r.about.keyText(), "position": r.sent.Seq,
	}, "revoked %s at ledger position %d; there is no way back\n", r.about, r.sent.Seq)
}

// orStands says, when waiting ends before anything is known, that the revocation
// was acknowledged all the same.
func (r *revoking) orStands(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, zone.ErrNoEffect):
		return err
	case ctx.Err() != nil:
		return &failure{exitUnconfirmed, fmt.Errorf("interrupted: the revocation stands at position %d, and nobody was heard to confirm it; see portcullis status", r.sent.Seq)}
	default:
		return &failure{exitUnconfirmed, err}
	}
}

// vote counts the governors who have signed a revocation. Resumes are counted by
// the same people, to a threshold of their own.
func (r *roll) vote(about subject, data []byte) (fabric.Vote, error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return fabric.Vote{}, err
	}
	vote := zone.ResumeVote(r.state, env)
	vote.Needed = r.needed(about)
	return vote, nil
}
