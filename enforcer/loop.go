package enforcer

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// loop is the in-order part of an enforcer: one goroutine, the feed's.
type loop struct {
	e       *Enforcer
	past    recovered
	state   *verdict.State
	rules   *verdict.Rules
	mine    map[ledger.Position]trust.Digest // own decisions, until forgotten
	age     []decidedAt                      // own decisions, oldest first
	ballots *tally
	noise   feed.NoiseLog
	publish *publisher
	status  Status
}

type decidedAt struct {
	position ledger.Position
	at       time.Time // log time
}

func newLoop(e *Enforcer, past recovered) *loop {
	l := &loop{
		e: e, past: past, state: verdict.NewState(),
		mine: make(map[ledger.Position]trust.Digest), ballots: newTally(),
	}
	l.publish = newPublisher(e)
	return l
}

func (l *loop) run(ctx context.Context) error {
	stop := l.publish.start(ctx)
	defer stop()
	return feed.Run(ctx, feed.Config{
		Conn: l.e.cfg.Conn, Zone: l.e.cfg.ID.Zone, Ledger: l.e.cfg.Ledger, Keys: l.e.keys, Logger: l.e.cfg.Logger,
		Skip:     []schemas.Kind{schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval},
		FromSeq:  l.past.from,
		CaughtUp: l.caughtUp,
		State: func(s streams.State) {
			l.e.cfg.Logger.Debug("ledger", "state", s)
		},
	}, readAhead, l.step)
}

func (l *loop) caughtUp() {
	l.status.CaughtUp = true
	l.report()
	close(l.e.caught)
	l.e.cfg.Logger.Info("deciding", "position", l.status.Position, "epoch", l.status.Epoch)
}

func (l *loop) report() {
	s := l.status
	l.e.status.Store(&s)
}

func (l *loop) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	l.status.Position, l.status.Epoch = ev.Seq, f.Governance().Epoch()
	switch {
	case ev.Noise != nil:
		l.noise.Report(l.e.cfg.Logger, ev.Seq, ev.Noise)
		l.status.Noise = l.noise.Count()
	case ev.Record.Kind == schemas.KindGovernance:
		l.e.cfg.Logger.Info("governance", "seq", ev.Seq, "epoch", f.Governance().Epoch())
	case ev.Record.Kind == schemas.KindIntent:
		if err := l.intents(f, ev); err != nil {
			return err
		}
	case ev.Record.Kind == schemas.KindDecision:
		l.decisions(f, ev)
	case ev.Record.Kind == schemas.KindPulse:
		l.judgePulse(f)
	}
	l.forget(f)
	if !ev.More {
		l.report()
	}
	return nil
}

// currentRules compiles a release when it is first needed.
func (l *loop) currentRules(f *ledger.Fold) *verdict.Rules {
	release := f.Governance().Release()
	if release == nil {
		return nil
	}
	if l.rules == nil || l.rules.Release.Digest != release.Digest {
		l.rules = verdict.Compile(release)
		if l.rules.Err != nil {
			l.e.cfg.Logger.Error("the release's policies do not compile: every intent is denied", "release", release.Proto.GetVersion(), "err", l.rules.Err)
		}
	}
	return l.rules
}

// intents decides each authentic intent, in order, none skipped.
func (l *loop) intents(f *ledger.Fold, ev feed.Event[ahead]) error {
	rules := l.currentRules(f)
	if rules == nil {
		return nil // no credential can exist before a release; unreachable for authentic intents
	}
	if ev.Record.ListErr != nil {
		if l.decidedBefore(f, rules, ledger.Position{Seq: ev.Seq}, ev.Record.PayloadDigest) {
			return nil
		}
		return l.conclude(f, rules, verdict.Unreadable(f, rules, ev.Record), nil)
	}
	for _, in := range intentsOf(ev.Record, ev.Ahead) {
		if l.decidedBefore(f, rules, in.Position, in.Digest) {
			continue
		}
		d := l.state.Decide(f, rules, in)
		if d == nil {
			continue // a re-send
		}
		if err := l.conclude(f, rules, d, l.explainer(f, rules, in, d)); err != nil {
			return err
		}
	}
	return nil
}

// decidedBefore applies what a quorum recorded before this enforcer started.
// A decision on other bytes than those that stand there is none.
func (l *loop) decidedBefore(f *ledger.Fold, rules *verdict.Rules, at ledger.Position, digest trust.Digest) bool {
	known := l.past.decided[at]
	if known == nil || !bytes.Equal(known.GetIntentDigest(), digest[:]) {
		return false
	}
	delete(l.past.decided, at)
	f.RaiseLogTime(known.GetLogTime().AsTime())
	l.state.Apply(known, rules.Release.Bounds.Memory)
	return true
}

// explainer captures what the explanation of a denial needs; it is made only
// when the agent's answer is.
func (l *loop) explainer(f *ledger.Fold, rules *verdict.Rules, in verdict.Intent, d *pb.Decision) func() string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return nil
	}
	var request *policy.Request
	if r, ok := l.state.PolicyRequest(f, rules, in); ok {
		request = &r
	}
	return func() string { return verdict.Explain(rules, d, request) }
}

// conclude applies a decision of one's own and hands it to the publisher.
func (l *loop) conclude(f *ledger.Fold, rules *verdict.Rules, d *pb.Decision, explain func() string) error {
	l.state.Apply(d, rules.Release.Bounds.Memory)
	data, err := verdict.Encode(d)
	if err != nil {
		return fmt.Errorf("enforcer: encoding a decision: %w", err)
	}
	at := ledger.PositionOf(d.GetIntent())
	l.mine[at] = trust.DigestOf(data)
	l.age = append(l.age, decidedAt{at, f.LogTime()})
	l.status.Decided++
	if l.status.Silent == "" {
		l.publish.add(decision{position: at, proto: d, data: data, explain: explain}, rankOf(rules, l.e.cfg.ID), rules)
	}
	return nil
}

// decisions counts votes and compares each recorded decision with one's own, so
// that even with a threshold of one a corrupted enforcer is seen by the others.
func (l *loop) decisions(f *ledger.Fold, ev feed.Event[ahead]) {
	for i, d := range ev.Ahead.decisions {
		if d == nil {
			continue
		}
		at := ledger.PositionOf(d.GetIntent())
		own, decided := l.mine[at]
		if !decided {
			continue // too old to compare, or no intent at all
		}
		if own != ev.Record.Items[i].Digest {
			l.status.Divergences++
			l.e.cfg.Logger.Error("decision.divergence: a recorded decision differs from this enforcer's own",
				"intent", at, "seq", ev.Seq, "by", ev.Record.Signer.ID)
		}
		if l.ballots.add(f, ev.Record, i, d) != nil {
			l.publish.settled(at)
		}
	}
}

// judgePulse stays silent while a sentinel names a history that this enforcer
// has not seen: someone withholds or forks it.
func (l *loop) judgePulse(f *ledger.Fold) {
	silent := ""
	if fault := f.Pulse().Fault; fault != nil {
		silent = fault.Error()
	}
	if silent != l.status.Silent {
		l.e.cfg.Logger.Warn("publishing", "silent", silent)
	}
	l.status.Silent = silent
}

// forget drops own decisions on which no decision can matter any more.
func (l *loop) forget(f *ledger.Fold) {
	release := f.Governance().Release()
	if release == nil {
		return
	}
	limit := f.LogTime().Add(-release.Bounds.MaxDeadline)
	n := 0
	for n < len(l.age) && l.age[n].at.Before(limit) {
		delete(l.mine, l.age[n].position)
		l.ballots.forget(l.age[n].position)
		n++
	}
	l.age = l.age[n:]
}
