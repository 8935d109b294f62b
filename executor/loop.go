package executor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// loop is the in-order part of an executor. The feed's goroutine owns it while
// a step runs; hedging timers and finished actions enter under mu.
type loop struct {
	x   *Executor
	ctx context.Context //nolint:containedctx // ends when the executor is to stop; the feed goes on a little
	at  start

	mu      sync.Mutex
	fold    *ledger.Fold // as of the last step
	skew    feed.Skew
	noise   feed.NoiseLog
	book    *permit.Book
	intents *intentBytes
	bids    map[trust.Digest]*bid     // claims on their way
	numbers uint32                    // number of the newest claim
	slots   *slots                    // of bids and running
	waiting *fairly                   // allowed decisions for want of a free slot or of being armed
	running map[trust.Digest]*running // actions under way
	open    map[ledger.Position]open  // own valid claims without an outcome on the ledger
	status  Status
	marked  time.Time // when Mark was stored last
	lineage lineageFault
	given   abandonLog

	actions   sync.WaitGroup
	unsettled sync.WaitGroup // outcomes that are not on the ledger yet, nor given up
}

// bid is a claim that was published and not yet read back.
type bid struct {
	t0       time.Duration // boot clock before the claim was published
	number   uint32        // Claim.number
	decision *pb.Decision
}

// open is a valid claim of this executor, of whatever incarnation.
type open struct {
	intent trust.Digest
	tool   string
	agent  string
	mine   bool // of this incarnation
}

func newLoop(ctx context.Context, x *Executor, at start) *loop {
	return &loop{
		x: x, ctx: ctx, at: at,
		book:    permit.NewBook(permit.Owner{ID: x.cfg.ID, Incarnation: x.incarnation}),
		intents: newIntentBytes(),
		bids:    make(map[trust.Digest]*bid),
		slots:   newSlots(),
		waiting: newFairly(),
		running: make(map[trust.Digest]*running),
		open:    make(map[ledger.Position]open),
	}
}

func (l *loop) run(ctx context.Context) error {
	return feed.Run(ctx, feed.Config{
		Conn: l.x.cfg.Conn, Zone: l.x.cfg.ID.Zone, Ledger: l.x.cfg.Ledger, Keys: l.x.cfg.Keys, Logger: l.x.cfg.Logger,
		Skip: []schemas.Kind{schemas.KindApproval}, FromSeq: l.at.from, Guard: &l.mu,
		// Of an intent it needs the bytes that a quorum's decision names by digest;
		// whose they are, the enforcers have verified.
		Unauthenticated: []schemas.Kind{schemas.KindIntent},
		CaughtUp:        l.caughtUp, State: l.x.health.Observe(ctx),
	}, readAhead, l.step)
}

// readAhead decodes decisions in parallel, ahead of the fold.
func readAhead(p *ledger.Parsed) []*pb.Decision {
	if p.Kind() != schemas.KindDecision {
		return nil
	}
	decisions := make([]*pb.Decision, len(p.Items()))
	for i, item := range p.Items() {
		decisions[i] = permit.ReadDecision(item.Bytes)
	}
	return decisions
}

// step runs with mu held: it is the feed's guard.
func (l *loop) step(f *ledger.Fold, ev feed.Event[[]*pb.Decision]) error {
	l.fold = f
	l.skew.Stored(ev.Time, time.Now(), l.x.health.Live())
	l.book.Expire(f.LogTime())
	if ev.Noise != nil {
		l.noise.Report(l.x.cfg.Logger, ev.Seq, ev.Noise)
		l.status.Noise = l.noise.Count()
	} else {
		l.record(f, ev.Record, ev.Ahead)
	}
	if release := f.Governance().Release(); release != nil {
		l.intents.forget(f.LogTime().Add(-release.Bounds.MaxDeadline))
	}
	if !ev.More {
		l.dropBids(f.LogTime())
		l.freed()
		l.settleMark(ev.Seq)
		l.report(ev.Seq)
	}
	return nil
}

// watch keeps the status true while nothing comes: silence disarms. It ends
// with ctx.
func (l *loop) watch(ctx context.Context) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.mu.Lock()
			l.freed()
			l.report(l.status.Position)
			l.mu.Unlock()
		}
	}
}

const statusEvery = 200 * time.Millisecond

// dropBids forgets bids of which nothing can come any more.
func (l *loop) dropBids(now time.Time) {
	for digest, b := range l.bids {
		if !b.decision.GetDeadline().AsTime().After(now) {
			l.dropBid(digest)
		}
	}
}

func (l *loop) record(f *ledger.Fold, rec ledger.Record, decisions []*pb.Decision) {
	switch rec.Kind {
	case schemas.KindIntent:
		l.intents.add(rec)
	case schemas.KindDecision:
		for i, d := range decisions {
			if q := l.book.Decide(f, rec.Token, rec.Signer.ID, rec.Items[i], d); q != nil {
				f.RaiseLogTime(q.GetLogTime().AsTime())
				l.decided(f, q)
			}
		}
	case schemas.KindClaim:
		for i, item := range rec.Items {
			at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
			l.ruled(l.book.Claim(f, rec.Token, rec.Signer.ID, at, item))
		}
	case schemas.KindOutcome:
		l.outcomesSeen(f, rec)
	case schemas.KindGovernance:
		l.governed(f, rec)
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindApproval, schemas.KindPulse, schemas.KindHeartbeat,
		schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
}

// governed stops what a halt, a trip or a revocation reaches, and confirms it.
func (l *loop) governed(f *ledger.Fold, rec ledger.Record) {
	l.x.cfg.Logger.Info("governance", "seq", rec.Seq, "epoch", f.Governance().Epoch(), "drill", rec.Effect.Drill)
	for _, r := range l.running {
		if l.reached(r) {
			r.cancel(ErrHalted)
		}
	}
	l.x.beatNow()
}

// unknown reports whether the ledger lacks its credential.
func (l *loop) unknown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.x.health.Started() && feed.Unknown(l.fold, l.x.cfg.Key.ID())
}

// disarmed says why the executor must not act now; "" when it is armed.
func (l *loop) disarmed() string {
	if l.fold == nil || l.fold.Governance().Release() == nil {
		return "no release is in force"
	}
	release := l.fold.Governance().Release()
	if fault := l.x.health.Fault(release.Proto.GetDurability()); fault != "" {
		return fault
	}
	if why := l.x.braked(); why != "" {
		return why
	}
	if l.x.clock() < 0 {
		return "the boot clock cannot be read: without it nothing bounds a start"
	}
	if fault := l.skew.Fault(release.Bounds.MaxClockSkew, time.Now()); fault != "" {
		return fault
	}
	if fault := feed.StandingFault(l.fold, l.x.cfg.Key.ID()); fault != "" {
		return fault
	}
	if l.lineage.holds(l.fold.Pulse()) {
		return l.lineage.err.Error()
	}
	switch pulse := l.fold.Pulse(); {
	case pulse.Seq == 0:
		return "no pulse was read yet; is a sentinel running?"
	case pulse.Fault != nil:
		return pulse.Fault.Error()
	case pulse.Seen != l.fold.Governance().Head().Number:
		return fmt.Sprintf("no pulse has named governance head %d yet", l.fold.Governance().Head().Number)
	case !permit.Fresh(l.fold) || time.Since(pulse.Time) > release.Bounds.PulseLimit+release.Bounds.MaxClockSkew:
		return "the newest pulse is too old; is a sentinel running?"
	case !release.ValidAt(l.fold.LogTime()):
		return "the release in force has expired"
	default:
		return ""
	}
}

func (l *loop) report(seq uint64) {
	l.status.Position = seq
	l.tell(l.disarmed())
}

// stopped is the last report.
func (l *loop) stopped() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given.close(l.x.cfg.Logger)
	l.tell("stopped")
}

func (l *loop) tell(disarmed string) {
	seq := l.status.Position
	l.status.Disarmed = disarmed
	l.status.Running = len(l.running)
	if l.fold != nil {
		gov := l.fold.Governance()
		l.status.Epoch, l.status.Halted = gov.Epoch(), ""
		if h, halted := gov.Halted(governance.Target{Zone: gov.Zone()}); halted {
			l.status.Halted = h.Reason
		}
	}
	before := l.x.Status().Disarmed
	s := l.status
	l.x.status.Store(&s)
	if before != s.Disarmed {
		if s.Disarmed == "" {
			l.x.cfg.Logger.Info("armed", "position", seq, "epoch", s.Epoch)
		} else {
			l.x.cfg.Logger.Warn("disarmed", "why", s.Disarmed)
		}
		l.x.beatNow()
	}
}

// caughtUp reports what earlier incarnations claimed and never finished.
func (l *loop) caughtUp() {
	l.x.health.CaughtUp()
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, o := range l.open {
		l.crashed(at, o)
	}
}

// settleMark remembers how far every claim of this executor has its outcome.
func (l *loop) settleMark(seq uint64) {
	if l.x.cfg.Mark == nil || time.Since(l.marked) < time.Second {
		return
	}
	l.marked = time.Now()
	settled := seq
	for at := range l.open {
		settled = min(settled, at.Seq-1)
	}
	if settled <= l.at.settled {
		return // still reading what the last start had settled
	}
	if err := l.x.cfg.Mark.Store(settled); err != nil {
		l.x.cfg.Logger.Warn("the mark was not stored; the next start reads more of the ledger", "err", err)
	}
}
