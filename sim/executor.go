package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// executor follows executor/: bid by rank, read the claim back, spend, act,
// report.
type executor struct {
	node *node
	mark uint64 // on disk: every claim of its own up to here has its outcome

	incarnation [16]byte
	settled     uint64 // the mark at this start
	book        judge
	view        *view
	intents     map[trust.Digest][]byte
	bids        map[trust.Digest]*bid
	numbers     uint32
	tries       map[trust.Digest]int // bids of a bold executor
	later       []laterBid
	waiting     []*pb.Decision
	ready       []*readyAct
	open        map[ledger.Position]openClaim
	lineage     uint64 // where an outcome named a head that is not on this chain; 0 if none did
}

type bid struct {
	t0       time.Duration
	number   uint32
	decision *pb.Decision
}

type laterBid struct {
	due time.Duration // boot clock
	d   *pb.Decision
}

// readyAct is an action whose goroutine has been started and has not run yet.
type readyAct struct {
	ruling ruling
	t0     time.Duration
	intent []byte
	done   bool
}

type openClaim struct {
	decision *pb.Decision
	mine     bool
}

func (x *executor) start() uint64 {
	x.incarnation = [16]byte(fmt.Appendf(nil, "%-4.4s start %5d", x.node.name, x.node.incarnation%100000))
	x.view = newView(x.node)
	x.book = newJudge(x.node.w, permit.Owner{ID: x.node.member.ID, Incarnation: x.incarnation})
	x.intents, x.bids, x.open = map[trust.Digest][]byte{}, map[trust.Digest]*bid{}, map[ledger.Position]openClaim{}
	x.numbers, x.later, x.waiting, x.ready = 0, nil, nil, nil
	x.tries, x.lineage = map[trust.Digest]int{}, 0
	x.settled = x.mark
	if x.mark == 0 {
		return 1
	}
	oldest := x.node.w.entries[x.mark-1].stamp
	return min(x.mark, x.node.w.seqAt(oldest.Add(-maxDeadline)))
}

func (x *executor) caughtUp() {
	for _, at := range sortedPositions(x.open) {
		x.crashed(at, x.open[at])
	}
}

func (x *executor) step(en *entry, rec ledger.Record, noise error) {
	f := x.node.fold
	x.view.fold(en, rec, noise)
	x.book.Expire(f.LogTime())
	if noise == nil {
		x.record(f, en, rec)
	}
	for digest, b := range x.bids {
		if !b.decision.GetDeadline().AsTime().After(f.LogTime()) {
			delete(x.bids, digest)
		}
	}
	x.settleMark()
}

func (x *executor) record(f *ledger.Fold, en *entry, rec ledger.Record) {
	switch rec.Kind { //nolint:exhaustive // the fold takes the others
	case schemas.KindIntent:
		for _, item := range rec.Items {
			x.intents[item.Digest] = item.Bytes
		}
	case schemas.KindDecision:
		for i, d := range en.decisions {
			q := x.book.Decide(x.view, rec.Token, rec.Signer.ID, rec.Items[i], d)
			switch {
			case q != nil:
				f.RaiseLogTime(q.GetLogTime().AsTime())
				x.decided(f, q)
			case x.node.w.cfg.Bold && d != nil:
				x.bid(d) // no quorum yet, no matter
			}
		}
	case schemas.KindClaim:
		for i, item := range rec.Items {
			x.ruled(x.book.Claim(x.view, rec.Token, rec.Signer.ID, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item))
		}
	case schemas.KindOutcome:
		x.outcomes(rec)
	case schemas.KindGovernance:
		if !rec.Effect.Drill {
			x.governed(f.Governance())
		}
	}
}

// governed stops what is ready to run and is reached by a halt.
func (x *executor) governed(gov *governance.State) {
	if x.node.w.cfg.Bold {
		return
	}
	for _, r := range x.ready {
		d := r.ruling.Decision
		_, halted := gov.Halted(governance.Target{Zone: gov.Zone(), Tool: d.GetTool(), Agent: d.GetAgent(), Session: d.GetSession()})
		if !r.done && (halted || gov.RevokedID(d.GetAgent()) || gov.RevokedID(x.node.member.SPIFFE())) {
			r.done = true
			x.report(r.ruling.Position, d, pb.Status_STATUS_ABANDONED)
		}
	}
}

// disarmed reports whether the executor must not act.
func (x *executor) disarmed() bool {
	f := x.node.fold
	switch {
	case f.Governance().Release() == nil, !x.node.caughtUp:
		return true
	case x.node.w.cfg.Bold:
		return false
	default:
		pulse := x.view.Pulse()
		old := x.node.clock().Sub(pulse.Time) > pulseLimit+maxSkew
		broken := x.lineage != 0 && (pulse.Seq <= x.lineage || pulse.Fault != nil)
		return x.node.skewed() || broken || old || !permit.Fresh(x.view) || !f.Governance().Release().ValidAt(f.LogTime())
	}
}

func (x *executor) decided(f *ledger.Fold, d *pb.Decision) {
	digest := trust.DigestIn(d.GetIntentDigest())
	turn := rank(digest, x.node.name, f.Governance().Release().Executors(d.GetTool()))
	switch {
	case x.node.w.cfg.Bold:
		x.bid(d)
	case schemas.Pending(d) && turn >= 0: // a later round may allow it
	case d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || d.GetEvaluation() || turn < 0:
		x.drop(digest)
	case turn == 0:
		x.bid(d)
	default:
		x.later = append(x.later, laterBid{x.node.boot() + time.Duration(turn)*hedge, d})
	}
}

// drop forgets an intent's bytes; a bold executor keeps everything.
func (x *executor) drop(intent trust.Digest) {
	if !x.node.w.cfg.Bold {
		delete(x.intents, intent)
	}
}

// rank is the executor's turn by rendezvous hashing (executor/rank.go).
func rank(intent trust.Digest, self string, executors []string) int {
	names := slices.Clone(executors)
	score := func(name string) string {
		d := trust.DigestOf(append(intent[:], name...))
		return string(d[:])
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(score(a), score(b)) })
	return slices.Index(names, self)
}

func (x *executor) bid(d *pb.Decision) {
	switch {
	case x.hopeless(d):
	case x.disarmed():
		x.waiting = append(x.waiting, d)
	default:
		x.claim(d)
	}
}

// boldTries is how often a bold executor claims one intent.
const boldTries = 4

func (x *executor) hopeless(d *pb.Decision) bool {
	digest := trust.DigestIn(d.GetIntentDigest())
	if x.bids[digest] != nil || d.GetTool() == "" {
		return true
	}
	if x.node.w.cfg.Bold {
		return x.tries[digest] >= boldTries
	}
	return x.book.Claimed(digest) || !d.GetDeadline().AsTime().After(x.node.fold.LogTime()) || d.GetEpoch() != x.node.fold.Governance().Epoch()
}

func (x *executor) claim(d *pb.Decision) {
	x.numbers++
	b := &bid{t0: x.node.boot(), number: x.numbers, decision: d}
	c := &pb.Claim{
		IntentDigest: d.GetIntentDigest(), Intent: d.GetIntent(), Executor: x.node.member.SPIFFE(), Incarnation: bytes.Clone(x.incarnation[:]), Number: b.number,
	}
	digest := trust.DigestIn(d.GetIntentDigest())
	x.bids[digest] = b
	x.tries[digest]++
	w := x.node.w
	note := fmt.Sprintf("%s: claim %d.%d of %s", x.node.name, x.node.incarnation, b.number, ledger.PositionOf(d.GetIntent()))
	m := w.sealList(x.node.member, schemas.KindClaim, d.GetTool(), Truth{Items: [][]byte{marshal(c)}, Claim: c, Note: note})
	w.send(x.node, m, func(how fate) {
		if how == refused && x.bids[digest] == b {
			delete(x.bids, digest)
			x.later = append(x.later, laterBid{x.node.boot() + hedge, d})
		}
	})
}

// ruled takes the judgement on a claim that stands on the ledger.
func (x *executor) ruled(r ruling) {
	own := r.Executor == x.node.member.ID
	switch {
	case !r.Valid() && own:
		x.ownVoid(r)
	case !r.Valid():
	case r.spend != nil:
		x.act(r)
	case own && r.Position.Seq <= x.settled:
	case own:
		o := openClaim{decision: r.Decision}
		x.open[r.Position] = o
		if x.node.caughtUp {
			x.crashed(r.Position, o)
		}
	default:
		delete(x.bids, r.Intent)
		x.drop(r.Intent)
	}
}

func (x *executor) ownVoid(r ruling) {
	x.node.w.logf("%s finds its claim %s void: %s", x.node.name, r.Position, schemas.ReasonCode(r.Void))
	b := x.bidOf(r)
	if b == nil {
		return
	}
	delete(x.bids, r.Intent)
	if r.Void == pb.Reason_REASON_CLAIM_NO_PULSE || x.node.w.cfg.Bold {
		x.later = append(x.later, laterBid{x.node.boot() + hedge, b.decision})
	}
}

// bidOf is the bid that a claim was sent for.
func (x *executor) bidOf(r ruling) *bid {
	b, w := x.bids[r.Intent], x.node.w
	if b == nil || r.Claim == nil {
		return nil
	}
	if w.flaw == OthersClaim || w.flaw == OldClaim {
		return b
	}
	numbered := r.Claim.GetNumber() == b.number || w.flaw == AnyNumber
	if !bytes.Equal(r.Claim.GetIncarnation(), x.incarnation[:]) || !numbered {
		return nil
	}
	return b
}

func (x *executor) act(r ruling) {
	b := x.bidOf(r)
	delete(x.bids, r.Intent)
	x.open[r.Position] = openClaim{r.Decision, true}
	intent := x.intents[r.Intent]
	x.drop(r.Intent)
	if b == nil && (x.node.w.flaw == OldClaim || x.node.w.flaw == OthersClaim) {
		b = &bid{t0: x.node.boot()}
	}
	if b == nil || x.disarmed() {
		x.report(r.Position, r.Decision, pb.Status_STATUS_ABANDONED)
		return
	}
	x.ready = append(x.ready, &readyAct{ruling: r, t0: b.t0, intent: intent})
}

// run is what the actions' goroutines do: spend, act, report.
func (x *executor) run() {
	if !x.node.able() {
		return
	}
	ready := x.ready
	x.ready = nil
	for _, r := range ready {
		if r.done {
			continue
		}
		t0, times := r.t0, 1
		switch x.node.w.flaw {
		case FreshStart:
			t0 = x.node.boot()
		case SpentTwice:
			times = 2
		}
		for range times {
			if err := r.ruling.spend(t0, x.node.boot(), r.intent); err != nil {
				x.node.w.logf("%s does not start %s: %v", x.node.name, r.ruling.Position, err)
				x.report(r.ruling.Position, r.ruling.Decision, pb.Status_STATUS_ABANDONED)
				continue
			}
			x.node.w.acted(x, r)
			x.report(r.ruling.Position, r.ruling.Decision, pb.Status_STATUS_EXECUTED)
		}
	}
}

// wake bids for what waited.
func (x *executor) wake() {
	later := x.later
	x.later = nil
	for _, l := range later {
		if l.due <= x.node.boot() {
			x.bid(l.d)
		} else {
			x.later = append(x.later, l)
		}
	}
	if len(x.waiting) == 0 || x.disarmed() {
		return
	}
	waiting := x.waiting
	x.waiting = nil
	for _, d := range waiting {
		x.bid(d)
	}
}
