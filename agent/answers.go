package agent

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// answerBook matches answers with the proposals that wait for them.
type answerBook struct {
	cfg Config

	mu      sync.Mutex
	waits   map[trust.Digest]*waiting
	signers map[trust.Digest]trust.Credential // verified Credential envelopes, by digest
	closed  bool
}

// maxSigners bounds how many verified credentials are remembered.
const maxSigners = 1024

func newAnswerBook(cfg Config) *answerBook {
	return &answerBook{cfg: cfg, waits: make(map[trust.Digest]*waiting), signers: make(map[trust.Digest]trust.Credential)}
}

// waiting is one proposal that waits.
type waiting struct {
	intent   trust.Digest
	deadline time.Time
	quorum   int // of enforcers that must allow it, if it asked for a decision only; else 0
	done     chan struct{}

	mu      sync.Mutex
	settled bool
	outcome *Outcome
	err     error
	allowed bool
	stored  bool
	unknown bool // a copy was sent of which nobody knows whether it was stored
	cause   error
	pending *Refused // it waits for approvals
	told    uint32   // rounds that tell was told of
	tell    func(*Refused)

	evaluation *Evaluation
	votes      map[trust.Identity]trust.Digest // by enforcer: the decision that it allowed it with
}

func (b *answerBook) expect(intent trust.Digest, deadline time.Time, quorum int, pending func(*Refused)) (*waiting, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	w := &waiting{intent: intent, deadline: deadline, quorum: quorum, done: make(chan struct{}), tell: pending}
	b.waits[intent] = w
	return w, nil
}

func (b *answerBook) forget(intent trust.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waits, intent)
}

func (b *answerBook) close() {
	b.mu.Lock()
	b.closed = true
	waits := b.waits
	b.waits = make(map[trust.Digest]*waiting)
	b.mu.Unlock()
	for _, w := range waits {
		w.fail(ErrClosed)
	}
}

// take handles one answer envelope. What cannot be authenticated is dropped:
// the proposal waits on, at worst until its deadline.
func (b *answerBook) take(data []byte) {
	items, signer, err := b.open(data)
	if err != nil {
		b.cfg.Logger.Warn("an answer was dropped", "err", err)
		return
	}
	for _, item := range items {
		if err := b.answer(item, signer); err != nil {
			b.cfg.Logger.Warn("an answer was dropped", "by", signer.ID, "err", err)
		}
	}
}

func (b *answerBook) open(data []byte) ([][]byte, trust.Credential, error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return nil, trust.Credential{}, err
	}
	if env.PayloadType != schemas.KindAnswer.PayloadType() || len(env.Signatures) != 1 {
		return nil, trust.Credential{}, errors.New("agent: not an envelope of answers with one signature")
	}
	signer, err := b.signer(env.Signatures[0].Credential)
	if err != nil {
		return nil, trust.Credential{}, err
	}
	if !env.VerifiedBy(0, signer.Key) {
		return nil, trust.Credential{}, fmt.Errorf("agent: the signature in the name of %s does not verify", signer.ID)
	}
	ledgerID, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return nil, trust.Credential{}, err
	}
	if ledgerID != b.cfg.Ledger {
		return nil, trust.Credential{}, fmt.Errorf("agent: answers about ledger %s", ledgerID.Short())
	}
	return items, signer, nil
}

// signer verifies the credential that travels with an answer, once.
func (b *answerBook) signer(credential []byte) (trust.Credential, error) {
	digest := trust.DigestOf(credential)
	b.mu.Lock()
	known, ok := b.signers[digest]
	b.mu.Unlock()
	if ok && known.ValidAt(time.Now()) {
		return known, nil
	}
	env, err := trust.ParseEnvelope(credential)
	if err != nil {
		return trust.Credential{}, err
	}
	cred, err := trust.VerifyCredential(env, b.cfg.Issuers, time.Now())
	if err != nil {
		return trust.Credential{}, err
	}
	me := b.cfg.ID
	if !schemas.KindAnswer.MayWrite(cred.ID.Role) || cred.ID.Zone != me.Zone || cred.ID.TrustDomain != me.TrustDomain {
		return trust.Credential{}, fmt.Errorf("agent: %s may not answer %s", cred.ID, me)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.signers) >= maxSigners {
		clear(b.signers)
	}
	b.signers[digest] = cred
	return cred, nil
}

func (b *answerBook) answer(item []byte, signer trust.Credential) error {
	a := new(pb.Answer)
	if err := schemas.Decode(item, schemas.MaxPayload, a); err != nil {
		return err
	}
	digest, _ := trust.DigestFrom(a.GetIntentDigest())
	b.mu.Lock()
	w := b.waits[digest]
	b.mu.Unlock()
	if w == nil {
		return nil // settled, or given up
	}
	switch body := a.GetBody().(type) {
	case *pb.Answer_Decision:
		return w.decided(a, body.Decision, signer)
	case *pb.Answer_Outcome:
		return w.concluded(a, body.Outcome, signer)
	default:
		return fmt.Errorf("agent: answer with unknown body %T", body)
	}
}

func (w *waiting) decided(a *pb.Answer, data []byte, signer trust.Credential) error {
	d := new(pb.Decision)
	if err := schemas.Decode(data, schemas.MaxItem, d); err != nil {
		return err
	}
	if signer.ID.Role != pb.Role_ROLE_ENFORCER || w.intent != trust.DigestIn(d.GetIntentDigest()) {
		return fmt.Errorf("agent: a decision on %x by %s", d.GetIntentDigest(), signer.ID)
	}
	if d.GetEvaluation() != (w.quorum > 0) {
		return fmt.Errorf("agent: a decision by %s on another kind of intent than was sent", signer.ID)
	}
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && w.quorum > 0 {
		w.vote(a, data, d, signer.ID)
		return nil
	}
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.allowed = true
		return nil
	}
	refused := &Refused{
		Intent: w.intent, At: ledger.PositionOf(d.GetIntent()), DecidedAt: ledger.PositionOf(a.GetPosition()),
		Reasons: d.GetReasons(), Policies: d.GetPolicies(), Explanation: a.GetExplanation(),
	}
	if schemas.Pending(d) {
		w.waits(refused, d.GetRound())
		return nil
	}
	w.fail(refused)
	return nil
}

// waits notes that the intent waits for approvals: the agent waits on, at most
// until the deadline.
func (w *waiting) waits(why *Refused, round uint32) {
	w.mu.Lock()
	over := w.settled || w.allowed || round < w.told // several enforcers answer
	if !over {
		w.pending, w.told = why, round+1
	}
	w.mu.Unlock()
	if !over && w.tell != nil {
		w.tell(why)
	}
}

func (w *waiting) concluded(a *pb.Answer, data []byte, signer trust.Credential) error {
	o := new(pb.Outcome)
	if err := schemas.Decode(data, schemas.MaxItem, o); err != nil {
		return err
	}
	if w.quorum > 0 {
		return fmt.Errorf("agent: an outcome by %s of an intent that asked for a decision only", signer.ID)
	}
	if signer.ID.Role != pb.Role_ROLE_EXECUTOR || !signer.ID.Is(o.GetExecutor()) || w.intent != trust.DigestIn(o.GetIntentDigest()) {
		return fmt.Errorf("agent: an outcome of %x by %s", o.GetIntentDigest(), signer.ID)
	}
	if len(a.GetResult()) > 0 && trust.DigestOf(a.GetResult()) != trust.DigestIn(o.GetResultDigest()) {
		return fmt.Errorf("agent: the result from %s is not the one whose digest stands in the outcome", signer.ID)
	}
	claim, at := ledger.PositionOf(o.GetClaim()), ledger.PositionOf(a.GetPosition())
	if o.GetStatus() == pb.Status_STATUS_EXECUTED {
		w.settle(&Outcome{Intent: w.intent, Claim: claim, At: at, Result: a.GetResult(), Explanation: a.GetExplanation()}, nil)
		return nil
	}
	w.fail(&NotExecuted{Intent: w.intent, Status: o.GetStatus(), Reason: o.GetReason(), Claim: claim, At: at, Explanation: a.GetExplanation()})
	return nil
}

func (w *waiting) fail(err error) { w.settle(nil, err) }

// settle takes the first result; later ones change nothing.
func (w *waiting) settle(o *Outcome, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settled {
		return
	}
	w.settled, w.outcome, w.err = true, o, err
	close(w.done)
}

func (w *waiting) result() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// sent notes what became of sending, and reports whether it is certain that no
// copy of the intent is on the ledger.
func (w *waiting) sent(err error) (absent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored = w.stored || err == nil
	w.unknown = w.unknown || errors.Is(err, streams.ErrUnknown)
	w.cause = err
	return !w.stored && !w.unknown
}

func (w *waiting) unanswered() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending != nil && !w.allowed {
		return w.pending
	}
	return &Unanswered{Intent: w.intent, Allowed: w.allowed, Stored: w.stored, Cause: w.cause}
}
