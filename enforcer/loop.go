package enforcer

import (
	"context"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// loop is the in-order part of an enforcer. The feed's goroutine owns it while a
// step runs; the heartbeat reads it under mu.
type loop struct {
	e       *Enforcer
	from    uint64
	last    uint64 // recovered: own decisions are known of what stands behind it
	health  *feed.Health
	publish *publisher

	mu      sync.Mutex // the feed's guard
	fold    *ledger.Fold
	replica *verdict.Replica
	tally   *verdict.Tally
	noise   feed.NoiseLog
	fault   string       // of the newest pulse: it names a history that is not this one
	lacks   string       // sealing keys of the release that are not here
	warned  trust.Digest // the release whose policies were said not to compile
	marked  mark
	status  Status
}

// mark is the verdict state at a pulse, where all enforcers compare theirs.
type mark struct {
	seq   uint64
	state trust.Digest
}

func newLoop(e *Enforcer, past recovered) *loop {
	tally := verdict.NewTally()
	return &loop{
		e: e, lacks: e.lacking(past.release), from: past.from, last: past.last, health: feed.NewHealth(e.cfg.Conn, e.cfg.Logger), publish: newPublisher(e),
		replica: verdict.NewReplica(verdict.ReplicaConfig{Past: past.decided, Forgotten: tally.Forget}), tally: tally,
	}
}

func (l *loop) run(ctx context.Context) error {
	stop := l.publish.start(ctx)
	defer stop()
	return feed.Run(ctx, feed.Config{
		Conn: l.e.cfg.Conn, Zone: l.e.cfg.ID.Zone, Ledger: l.e.cfg.Ledger, Keys: l.e.cfg.Keys, Logger: l.e.cfg.Logger,
		Skip:    []schemas.Kind{schemas.KindClaim, schemas.KindOutcome},
		FromSeq: l.from, Guard: &l.mu,
		CaughtUp: l.caughtUp, State: l.health.Observe(ctx),
	}, func(p *ledger.Parsed) ahead { return readAheadBy(l.e.reader(), p) }, l.step)
}

// caughtUp runs in the feed's goroutine, between steps.
func (l *loop) caughtUp() {
	l.health.CaughtUp()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.CaughtUp = true
	l.lookAtStanding()
	l.report()
	close(l.e.caught)
	l.e.cfg.Logger.Info("deciding", "position", l.status.Position, "epoch", l.status.Epoch)
}

func (l *loop) report() {
	s := l.status
	l.e.status.Store(&s)
}

// step runs with mu held.
func (l *loop) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	l.fold = f
	l.status.Position, l.status.Epoch = ev.Seq, f.Governance().Epoch()
	switch {
	case ev.Noise != nil:
		l.noise.Report(l.e.cfg.Logger, ev.Seq, ev.Noise)
		l.status.Noise = l.noise.Count()
	case ev.Record.Kind == schemas.KindGovernance:
		l.e.cfg.Logger.Info("governance", "seq", ev.Seq, "epoch", f.Governance().Epoch())
		l.warnOfRules(f)
		l.checkKeys(f)
		l.judge(f)
		l.lookAtStanding()
		l.e.beatNow()
	case ev.Record.Kind == schemas.KindIntent, ev.Record.Kind == schemas.KindApproval:
		if err := l.decide(f, ev); err != nil {
			return err
		}
	case ev.Record.Kind == schemas.KindDecision:
		l.decisions(f, ev)
	case ev.Record.Kind == schemas.KindPulse:
		l.judgePulse(f)
	}
	if !ev.More {
		l.report()
	}
	return nil
}

// warnOfRules says once when a release's policies do not compile.
func (l *loop) warnOfRules(f *ledger.Fold) {
	rules := l.replica.Rules(f)
	if rules == nil || rules.Err == nil || rules.Release.Digest == l.warned {
		return
	}
	l.warned = rules.Release.Digest
	l.e.cfg.Logger.Error("the release's policies do not compile: every intent is denied", "release", rules.Release.Proto.GetVersion(), "err", rules.Err)
}

// decide derives what a record calls for and hands it to the publisher.
func (l *loop) decide(f *ledger.Fold, ev feed.Event[ahead]) error {
	began := time.Now()
	all, err := l.replica.Step(f, ev.Record, l.reopen(f, ev))
	if err != nil {
		return err
	}
	l.observe(ev, all, began)
	l.judge(f)
	for _, d := range all {
		l.status.Decided++
		if l.status.Silent == "" {
			l.publish.add(d, rankOf(d.Rules, l.e.cfg.ID))
		}
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
		round := verdict.RoundOf(d)
		own, decided := l.replica.Own(round)
		if !decided {
			if round.Intent.Seq > l.last && d.GetDeadline().AsTime().After(f.LogTime()) && !l.replica.Blind(f) {
				l.diverges(round, ev) // nothing calls for it: no intent stands there, or nobody opened the round
			}
			continue // too old to compare
		}
		if own != ev.Record.Items[i].Digest {
			l.diverges(round, ev)
		}
		if l.tally.Add(f, ev.Record, i, d) != nil {
			l.publish.settled(round)
		}
	}
}

func (l *loop) diverges(round verdict.Round, ev feed.Event[ahead]) {
	l.status.Divergences++
	l.status.DivergedAt = ev.Seq
	l.e.cfg.Logger.Error("decision.divergence: a recorded decision differs from this enforcer's own",
		"intent", round.Intent, "round", round.Number, "seq", ev.Seq, "by", ev.Record.Signer.ID)
	l.e.beatNow()
}

// judgePulse notes whether a sentinel names a history that this enforcer has not
// seen: someone withholds or forks it. It also notes the state there, which every
// enforcer's heartbeat names.
func (l *loop) judgePulse(f *ledger.Fold) {
	l.fault = ""
	if fault := f.Pulse().Fault; fault != nil {
		l.fault = fault.Error()
	}
	l.checkKeys(f)
	l.judge(f)
	l.marked = mark{}
	if !l.replica.Blind(f) {
		state := l.replica.State()
		state.Expire(f.LogTime().UnixNano())
		l.marked = mark{f.Seq(), state.Digest()}
	}
}

// judge decides whether the enforcer is silent, and says so when that changes.
func (l *loop) judge(f *ledger.Fold) {
	silent := l.silence(f)
	if silent != l.status.Silent {
		l.e.cfg.Logger.Warn("publishing", "silent", silent)
	}
	l.status.Silent = silent
}

// silence says why nothing must be published; "" if all is well.
func (l *loop) silence(f *ledger.Fold) string {
	switch {
	case l.fault != "":
		return l.fault
	case l.lacks != "":
		return l.lacks
	case l.replica.Blind(f):
		return blindness
	default:
		return ""
	}
}

// unknown reports whether the ledger lacks its credential.
func (l *loop) unknown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status.CaughtUp && feed.Unknown(l.fold, l.e.cfg.Key.ID())
}

// heartbeat is what the enforcer says of itself; nil before it has read anything.
func (l *loop) heartbeat() (*pb.Heartbeat, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fold == nil || l.fold.Governance().Release() == nil {
		return nil, 0
	}
	l.lookAtStanding()
	l.report()
	gov := l.fold.Governance()
	release := gov.Release()
	beat := &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: l.fold.Seq(),
		Started: l.status.CaughtUp, Disarmed: l.status.Disarmed, Divergences: l.status.Divergences, DivergedAt: l.status.DivergedAt,
	}
	if m := l.marked; m.seq > 0 { // a copy: the heartbeat is sent when the loop has gone on
		beat.StatePosition, beat.StateDigest = m.seq, m.state[:]
	}
	return beat, release.Bounds.HeartbeatInterval
}

// lookAtStanding notes why the enforcer is disarmed. It does so with every heartbeat,
// for not all of it is on the ledger.
func (l *loop) lookAtStanding() {
	l.status.Disarmed = l.disarmed()
}

// disarmed says why nothing that it publishes counts, or why it publishes
// nothing; "" if it does.
func (l *loop) disarmed() string {
	if l.fold == nil || l.fold.Governance().Release() == nil {
		return "no release is in force"
	}
	durability := l.fold.Governance().Release().Proto.GetDurability()
	if fault := l.health.Fault(durability); fault != "" {
		return fault
	}
	if l.status.Silent != "" {
		return l.status.Silent
	}
	return feed.StandingFault(l.fold, l.e.cfg.Key.ID())
}
