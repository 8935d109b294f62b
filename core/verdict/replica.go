package verdict

import (
	"bytes"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Replica derives every verdict of a ledger, in order, none skipped. Whoever
// folds the same prefix gets the same bytes (S5): enforcers sign them, sentinels
// and auditors compare them with what was signed. It belongs to one goroutine.
type Replica struct {
	cfg   ReplicaConfig
	state *State
	rules *Rules
	own   aged.Map[Round, trust.Digest] // decisions derived, until forgotten
	blind int64                         // log time, Unix nanoseconds, until which the state lacks a decision
}

// ReplicaConfig is where a replica begins. The zero value begins with the
// ledger's first record and decides by the ledger's own releases.
type ReplicaConfig struct {
	// Past holds the decisions that quorums recorded before the replica began, by
	// where they were decided (DecidedAt): they are applied, not derived again. The
	// replica takes out what it has applied.
	Past map[ledger.Position]*pb.Decision
	// Recorded, if set, gives the decision that a quorum recorded, by where it was
	// decided, or nil. It is asked where a decision cannot be derived: its intent's
	// arguments are sealed (Rules.Sealed), or the replica is blind. What it gives is
	// applied, like the past.
	Recorded func(at ledger.Position) *pb.Decision
	// Underived, if set, is told where a decision may be due that the replica did
	// not derive for want of a sealing key: it took the recorded one, or knows none.
	Underived func(at ledger.Position)
	// Rules, if set, gives the rules to decide by instead of the release in force:
	// what would another release have done?
	Rules func(inForce *governance.Release) *Rules
	// Forgotten, if set, is told of each round whose decision Own does not know any
	// more: no claim can rest on it.
	Forgotten func(Round)
}

// NewReplica starts before the first record that it is given.
func NewReplica(cfg ReplicaConfig) *Replica {
	if cfg.Forgotten == nil {
		cfg.Forgotten = func(Round) {}
	}
	if cfg.Recorded == nil {
		cfg.Recorded = func(ledger.Position) *pb.Decision { return nil }
	}
	if cfg.Underived == nil {
		cfg.Underived = func(ledger.Position) {}
	}
	return &Replica{cfg: cfg, state: NewState()}
}

// Derived is one decision that a replica derived itself.
type Derived struct {
	Round    Round
	Decision *pb.Decision
	Data     []byte       // Encode(Decision)
	Digest   trust.Digest // of Data
	Rules    *Rules       // by which it was decided

	request *policy.Request // what policy was asked; denials only
}

// Explain says in sentences why the decision denies; "" for ALLOW.
func (d Derived) Explain() string {
	if d.Decision.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return ""
	}
	return Explain(d.Rules, d.Decision, d.request)
}

// State is the state after the last step.
func (r *Replica) State() *State { return r.state }

// Rules are the rules that hold after the last step; nil before the first
// release.
func (r *Replica) Rules(f *ledger.Fold) *Rules {
	release := f.Governance().Release()
	if release == nil {
		return nil
	}
	if r.cfg.Rules != nil {
		return r.cfg.Rules(release)
	}
	if r.rules == nil || r.rules.Release.Digest != release.Digest {
		r.rules = Compile(release)
	}
	return r.rules
}

// Step derives the decisions that a record calls for: those on its intents, or
// the one of the round that an approval opens. Contents are the record's intents
// as Read gave them, one for each item; other kinds need none. What is in
// ReplicaConfig.Past, and re-sends, yield nothing; nor does what cannot be
// derived, see Blind. The error is one of encoding.
func (r *Replica) Step(f *ledger.Fold, rec ledger.Record, contents []Content) ([]Derived, error) {
	rules := r.Rules(f)
	if rules == nil {
		return nil, nil // nobody has a credential before the first release
	}
	defer r.forget(f)
	switch {
	case rec.Kind == schemas.KindIntent && rec.ListErr != nil:
		return r.unreadable(f, rules, rec)
	case rec.Kind == schemas.KindIntent:
		return r.intents(f, rules, rec, contents)
	case rec.Kind == schemas.KindApproval:
		return r.approval(f, rules, rec)
	default:
		return nil, nil
	}
}

// Own is the digest of the decision that this replica derived in a round;
// derived is false if it was not asked, took it from the past, or has forgotten.
func (r *Replica) Own(round Round) (digest trust.Digest, derived bool) {
	return r.own.Get(round)
}

func (r *Replica) unreadable(f *ledger.Fold, rules *Rules, rec ledger.Record) ([]Derived, error) {
	if r.recorded(f, rules, ledger.Position{Seq: rec.Seq}, rec.PayloadDigest) != nil {
		return nil, nil
	}
	return r.conclude(f, rules, nil, Unreadable(f, rules, rec), nil)
}

func (r *Replica) intents(f *ledger.Fold, rules *Rules, rec ledger.Record, contents []Content) (all []Derived, err error) {
	for i, item := range rec.Items {
		in := Intent{
			Position: ledger.Position{Seq: rec.Seq, Index: uint32(i)},
			Digest:   item.Digest, Size: len(item.Bytes), Signer: rec.Signer,
			Content: contents[i].Intent, Defect: contents[i].Defect, Opened: contents[i].Opened,
		}
		if known := r.recorded(f, rules, in.Position, in.Digest); known != nil {
			r.state.Await(in, known)
			continue
		}
		if r.underivable(f, rules, in) {
			r.state.Await(in, r.missed(f, rules, in.Position, in.Digest))
			continue
		}
		d := r.state.Decide(f, rules, in)
		if d == nil {
			continue // a re-send
		}
		if all, err = r.conclude(f, rules, all, d, r.request(f, rules, in, d)); err != nil {
			return nil, err
		}
		r.state.Await(in, d)
	}
	return all, nil
}

func (r *Replica) approval(f *ledger.Fold, rules *Rules, rec ledger.Record) ([]Derived, error) {
	opens := r.state.Answer(f, rules, rec.Signer, rec.Approval)
	at, intent := ledger.Position{Seq: rec.Seq}, trust.DigestIn(rec.Approval.GetIntentDigest())
	if r.recorded(f, rules, at, intent) != nil {
		return nil, nil
	}
	w := r.state.waits[intent]
	if r.Blind(f) || opens && rules.Sealed(w.in) { // a blind one does not know what waits
		r.missed(f, rules, at, intent)
		return nil, nil
	}
	if !opens {
		return nil, nil
	}
	d := r.state.DecideRound(f, rules, intent, at)
	return r.conclude(f, rules, nil, d, r.request(f, rules, w.in, d))
}

// recorded applies what a quorum recorded before this replica began. A decision
// on other bytes than those that stand there is none.
func (r *Replica) recorded(f *ledger.Fold, rules *Rules, at ledger.Position, intent trust.Digest) *pb.Decision {
	known := r.apply(f, rules, r.cfg.Past[at], intent)
	if known != nil {
		delete(r.cfg.Past, at)
	}
	return known
}

// apply folds a recorded decision into the state; nil if it is none on that
// intent.
func (r *Replica) apply(f *ledger.Fold, rules *Rules, known *pb.Decision, intent trust.Digest) *pb.Decision {
	if known == nil || !bytes.Equal(known.GetIntentDigest(), intent[:]) {
		return nil
	}
	f.RaiseLogTime(known.GetLogTime().AsTime())
	r.state.Apply(known, rules.Release.Bounds.Memory)
	return known
}

// request is what policy was asked, for the explanation of a denial.
func (r *Replica) request(f *ledger.Fold, rules *Rules, in Intent, d *pb.Decision) *policy.Request {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return nil
	}
	if request, ok := r.state.PolicyRequest(f, rules, in); ok {
		return &request
	}
	return nil
}

func (r *Replica) conclude(f *ledger.Fold, rules *Rules, all []Derived, d *pb.Decision, request *policy.Request) ([]Derived, error) {
	r.state.Apply(d, rules.Release.Bounds.Memory)
	data, err := Encode(d)
	if err != nil {
		return nil, fmt.Errorf("verdict: encoding the decision on %s: %w", ledger.PositionOf(d.GetIntent()), err)
	}
	one := Derived{Round: RoundOf(d), Decision: d, Data: data, Digest: trust.DigestOf(data), Rules: rules, request: request}
	r.own.Add(one.Round, one.Digest, f.LogTime())
	return append(all, one), nil
}

// forget drops own decisions on which no claim can rest any more.
func (r *Replica) forget(f *ledger.Fold) {
	r.own.Forget(f.LogTime().Add(-f.Governance().Release().Bounds.MaxDeadline), r.cfg.Forgotten)
}
