package agent

import (
	"context"
	"errors"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Evaluation is a verdict that nobody can act on: no claim on its intent is valid.
type Evaluation struct {
	Allowed     bool
	Intent      trust.Digest
	At          ledger.Position // where the intent stands
	DecidedAt   ledger.Position // where the decision stands that completed the quorum, or the DENY
	Reasons     []pb.Reason     // of a DENY, ascending
	Policies    []string        // that the verdict rests on
	Explanation string          // for people
}

// Evaluate asks for a verdict in the agent's first session; see Session.Evaluate.
func (a *Agent) Evaluate(ctx context.Context, r Request, quorum int) (*Evaluation, error) {
	return a.first.Evaluate(ctx, r, quorum)
}

// Evaluate appends the request as the session's next intent, which asks for a decision
// only, and waits for it, at most until shortly after its deadline. It takes nothing
// from limits, and where a policy asks for people's yes the verdict is DENY.
//
// It is allowed once as many enforcers as the quorum, which must be 1 at least, have
// signed the same ALLOW; one DENY denies. An error means that there is no verdict.
func (s *Session) Evaluate(ctx context.Context, r Request, quorum int) (*Evaluation, error) {
	if quorum < 1 {
		return nil, errors.New("agent: an evaluation needs a quorum of 1 at least; give the release's decision_threshold")
	}
	ended := s.traced(ctx, &r)
	wait, err := s.propose(r, quorum)
	if err == nil {
		err = s.await(ctx, wait)
	}
	ended(err)
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		return &Evaluation{
			Intent: refused.Intent, At: refused.At, DecidedAt: refused.DecidedAt, Reasons: refused.Reasons, Policies: refused.Policies, Explanation: refused.Explanation,
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return wait.evaluation, nil
}

// vote counts an enforcer's ALLOW of an intent that asked for no more. Each enforcer
// has one vote, its first.
func (w *waiting) vote(a *pb.Answer, data []byte, d *pb.Decision, voter trust.Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, voted := w.votes[voter]; voted || w.settled {
		return
	}
	if w.votes == nil {
		w.votes = make(map[trust.Identity]trust.Digest)
	}
	decision, same := trust.DigestOf(data), 0
	w.votes[voter] = decision
	for _, other := range w.votes {
		if other == decision {
			same++
		}
	}
	if same < w.quorum {
		return
	}
	w.settled, w.evaluation = true, &Evaluation{
		Allowed: true, Intent: w.intent, At: ledger.PositionOf(d.GetIntent()), DecidedAt: ledger.PositionOf(a.GetPosition()),
		Policies: d.GetPolicies(), Explanation: a.GetExplanation(),
	}
	close(w.done)
}
