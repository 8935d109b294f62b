package zone

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Waiting is an intent that a policy keeps waiting for approvals, or has kept
// waiting, and whose deadline is ahead.
type Waiting struct {
	Intent   verdict.Intent // of its signer the identity alone
	Deadline time.Time
	Decision *pb.Decision // the quorum's newest
	Needed   int          // approvals in all; 0 if that cannot be told
	Answers  []Answer     // in the order of the ledger
	Claimed  bool         // a claim on it is valid: it is done, or being done
}

// Answer is what an approver said to an intent.
type Answer struct {
	By      trust.Identity
	Approve bool
	Seq     uint64
}

// Pending reports whether the intent still waits.
func (w Waiting) Pending() bool { return schemas.Pending(w.Decision) }

// Approved lists who has approved, each once.
func (w Waiting) Approved() (by []trust.Identity) {
	for _, a := range w.Answers {
		if a.Approve && !slices.Contains(by, a.By) {
			by = append(by, a.By)
		}
	}
	return by
}

// Refused is who refused first; the zero Identity if nobody did.
func (w Waiting) Refused() trust.Identity {
	i := slices.IndexFunc(w.Answers, func(a Answer) bool { return !a.Approve })
	if i < 0 {
		return trust.Identity{}
	}
	return w.Answers[i].By
}

// approvals follows the ledger and keeps what waits. It belongs to the
// observer's feed.
type approvals struct {
	book     *permit.Book
	heard    map[trust.Digest]heardIntent // not decided yet
	waits    map[trust.Digest]*Waiting
	rulings  map[uint64]*pb.Decision // quorums' decisions by the approval that opened their round
	swept    time.Time               // log time
	sessions seen
	rules    *verdict.Rules // of the release that was in force when they were needed last
}

// heardIntent is an item of somebody's list of intents.
type heardIntent struct {
	at    ledger.Position
	bytes []byte
	until time.Time // log time; no decision on it keeps it waiting any longer
}

func newApprovals() *approvals {
	return &approvals{
		book: permit.NewBook(permit.Owner{}), heard: make(map[trust.Digest]heardIntent),
		waits: make(map[trust.Digest]*Waiting), rulings: make(map[uint64]*pb.Decision), sessions: make(seen),
	}
}

func readDecisions(items []ledger.Item) []*pb.Decision {
	decisions := make([]*pb.Decision, len(items))
	for i, item := range items {
		decisions[i] = permit.ReadDecision(item.Bytes)
	}
	return decisions
}

func (a *approvals) record(f *ledger.Fold, rec ledger.Record, decisions []*pb.Decision) {
	switch rec.Kind { //nolint:exhaustive // other kinds say nothing of approvals
	case schemas.KindIntent:
		a.intents(f, rec)
	case schemas.KindDecision:
		for i, d := range decisions {
			if q := a.book.Decide(f, rec.Token, rec.Signer.ID, rec.Items[i], d); q != nil {
				a.decided(q)
				a.sessions.decided(q, f.LogTime())
			}
		}
	case schemas.KindClaim:
		for i, item := range rec.Items {
			a.book.Claim(f, rec.Token, rec.Signer.ID, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item)
		}
	case schemas.KindApproval:
		if w := a.waits[trust.DigestIn(rec.Approval.GetIntentDigest())]; w != nil {
			w.Answers = append(w.Answers, Answer{rec.Signer.ID, rec.Approval.GetApprove(), rec.Seq})
		}
	default:
	}
	a.sweep(f.LogTime())
}

// intents keeps the bytes of what is not decided yet. Whose they are the quorum's
// decision says, which names them by digest.
func (a *approvals) intents(f *ledger.Fold, rec ledger.Record) {
	release := f.Governance().Release()
	if rec.ListErr != nil || release == nil {
		return
	}
	for i, item := range rec.Items {
		if _, resent := a.heard[item.Digest]; !resent && a.waits[item.Digest] == nil {
			a.heard[item.Digest] = heardIntent{
				at: ledger.Position{Seq: rec.Seq, Index: uint32(i)}, bytes: item.Bytes, until: f.LogTime().Add(release.Bounds.MaxDeadline),
			}
		}
	}
}

// decided takes a quorum's decision on the newest round.
func (a *approvals) decided(d *pb.Decision) {
	digest := trust.DigestIn(d.GetIntentDigest())
	in, heard := a.heard[digest]
	delete(a.heard, digest)
	if w := a.waits[digest]; w != nil {
		w.Decision = d
	} else if heard && schemas.Pending(d) {
		a.wait(digest, in, d)
	}
	if seq := d.GetApproval().GetSequence(); seq > 0 {
		a.rulings[seq] = d
	}
}

// wait begins to keep an intent. A quorum keeps none waiting that cannot be read.
func (a *approvals) wait(digest trust.Digest, in heardIntent, d *pb.Decision) {
	content := verdict.Read(in.bytes)
	agent, err := trust.ParseIdentity(d.GetAgent())
	if content.Intent == nil || err != nil {
		return
	}
	a.waits[digest] = &Waiting{
		Intent: verdict.Intent{
			Position: in.at, Digest: digest, Size: len(in.bytes), Signer: trust.Credential{ID: agent}, Content: content.Intent, Defect: content.Defect,
		},
		Deadline: d.GetDeadline().AsTime(), Decision: d,
	}
}

// sweep forgets, once a second of log time, what nothing can come of any more.
func (a *approvals) sweep(now time.Time) {
	if now.Sub(a.swept) < time.Second {
		return
	}
	a.swept = now
	a.book.Expire(now)
	a.sessions.sweep(now)
	for digest, in := range a.heard {
		if !in.until.After(now) {
			delete(a.heard, digest)
		}
	}
	for digest, w := range a.waits {
		if !w.Deadline.After(now) {
			delete(a.waits, digest)
		}
	}
	for seq, d := range a.rulings {
		if !d.GetDeadline().AsTime().After(now) {
			delete(a.rulings, seq)
		}
	}
}

// list is what waits or has waited and still may, in the order of the ledger.
func (a *approvals) list(f *ledger.Fold, now time.Time) []Waiting {
	var all []Waiting
	for _, w := range a.waits {
		if !w.Deadline.After(now) || !w.Deadline.After(f.LogTime()) {
			continue
		}
		one := *w
		one.Needed = a.needed(f, w.Intent)
		one.Answers, one.Claimed = slices.Clone(w.Answers), a.book.Claimed(w.Intent.Digest)
		all = append(all, one)
	}
	slices.SortFunc(all, func(x, y Waiting) int { return x.Intent.Position.Compare(y.Intent.Position) })
	return all
}

// needed is how many approvals policy demands, as far as that can be told
// without the enforcers' state: a policy that looks at limits may demand others.
func (a *approvals) needed(f *ledger.Fold, in verdict.Intent) int {
	release := f.Governance().Release()
	if a.rules == nil || a.rules.Release.Digest != release.Digest {
		a.rules = verdict.Compile(release)
	}
	request, ok := verdict.NewState().PolicyRequest(f, a.rules, in)
	if !ok || a.rules.Policy == nil {
		return 0
	}
	result := a.rules.Policy.Evaluate(request)
	if result.Code != policy.ApprovalPending {
		return 0
	}
	return result.Approvals
}

// Waiting lists the intents that wait for approval, or have waited and may still
// be refused. The observer must have been asked for approvals.
func (o *Observer) Waiting() (all []Waiting) {
	o.Look(func(f *ledger.Fold) { all = o.waiting.list(f, o.f.Clock()) })
	return all
}
