package agent

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

type evaluated struct {
	e   *Evaluation
	err error
}

func evaluate(t *testing.T, a *Agent, quorum int) <-chan evaluated {
	t.Helper()
	got := make(chan evaluated, 1)
	go func() {
		e, err := a.Evaluate(t.Context(), read, quorum)
		got <- evaluated{e, err}
	}()
	synctest.Wait()
	return got
}

func only(d *pb.Decision) { d.Evaluation = true }

func both(changes ...func(*pb.Decision)) func(*pb.Decision) {
	return func(d *pb.Decision) {
		for _, c := range changes {
			c(d)
		}
	}
}

// TestAnEvaluationNeedsItsQuorum of enforcers, distinct and of one mind. What is not
// enough leaves it without a verdict, which is an error.
func TestAnEvaluationNeedsItsQuorum(t *testing.T) {
	second := ca.Member(pb.Role_ROLE_ENFORCER, "e2")
	other := both(allow, only, func(d *pb.Decision) { d.Epoch++ })
	for name, tc := range map[string]struct {
		quorum  int
		answers func(intent trust.Digest) []answering
		allowed bool
	}{
		"one of one": {1, func(i trust.Digest) []answering {
			return []answering{answerOf(enforcer, decisionOn(i, both(allow, only)))}
		}, true},
		"two of two": {2, func(i trust.Digest) []answering {
			return []answering{answerOf(enforcer, decisionOn(i, both(allow, only))), answerOf(second, decisionOn(i, both(allow, only)))}
		}, true},
		"one of two": {2, func(i trust.Digest) []answering {
			return []answering{answerOf(enforcer, decisionOn(i, both(allow, only)))}
		}, false},
		"one twice": {2, func(i trust.Digest) []answering {
			return []answering{answerOf(enforcer, decisionOn(i, both(allow, only))), answerOf(enforcer, decisionOn(i, both(allow, only)))}
		}, false},
		"two that differ": {2, func(i trust.Digest) []answering {
			return []answering{answerOf(enforcer, decisionOn(i, both(allow, only))), answerOf(second, decisionOn(i, other))}
		}, false},
		"one of them votes again": {2, func(i trust.Digest) []answering {
			return []answering{
				answerOf(enforcer, decisionOn(i, both(allow, only))), answerOf(second, decisionOn(i, other)), answerOf(second, decisionOn(i, both(allow, only))),
			}
		}, false},
		"a permission to act": {1, func(i trust.Digest) []answering { return []answering{answerOf(enforcer, decisionOn(i, allow))} }, false},
		"an outcome": {1, func(i trust.Digest) []answering {
			return []answering{answerOf(executor, outcomeOf(i, executor.SPIFFE(), []byte("text"), executed))}
		}, false},
		"by an executor": {1, func(i trust.Digest) []answering {
			return []answering{answerOf(executor, decisionOn(i, both(allow, only)))}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &broker{}
			in(t, b, func(t *testing.T, a *Agent) {
				got := evaluate(t, a, tc.quorum)
				if !b.intent(t, 0).GetEvaluation() {
					t.Error("the intent asks for more than a decision")
				}
				for _, answer := range tc.answers(trust.DigestOf(b.items()[0])) {
					a.answers.take(answer.bytes(t))
				}
				r := <-got
				var silent *Unanswered
				switch {
				case tc.allowed && (r.err != nil || !r.e.Allowed || r.e.DecidedAt != here):
					t.Errorf("%+v, %v", r.e, r.err)
				case !tc.allowed && (r.e != nil || !errors.As(r.err, &silent)):
					t.Errorf("%+v, %v", r.e, r.err)
				}
			})
		})
	}
}

// TestAnEvaluationIsDenied by the first DENY, also where people's yes is missing: they
// are not asked.
func TestAnEvaluationIsDenied(t *testing.T) {
	for _, reason := range []pb.Reason{pb.Reason_REASON_POLICY_FORBIDDEN, pb.Reason_REASON_APPROVAL_PENDING} {
		b := &broker{}
		in(t, b, func(t *testing.T, a *Agent) {
			got := evaluate(t, a, 2)
			began := time.Now()
			a.answers.take(answerOf(enforcer, decisionOn(trust.DigestOf(b.items()[0]), both(only, func(d *pb.Decision) { d.Reasons = []pb.Reason{reason} }))).bytes(t))
			r := <-got
			if r.err != nil || r.e.Allowed || len(r.e.Reasons) != 1 || r.e.Reasons[0] != reason || time.Since(began) > 0 {
				t.Errorf("%s: %+v, %v", reason, r.e, r.err)
			}
		})
	}
}

// TestAProposalIsNoEvaluation: whoever says that nobody may act on it has not allowed
// it, and has not denied it.
func TestAProposalIsNoEvaluation(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		got := propose(t.Context(), a, read)
		a.answers.take(answerOf(enforcer, decisionOn(trust.DigestOf(b.items()[0]), both(allow, only))).bytes(t))
		var silent *Unanswered
		if r := <-got; !errors.As(r.err, &silent) || silent.Allowed {
			t.Errorf("%+v, %v", r.out, r.err)
		}
	})
}

func TestAnEvaluationOfNobody(t *testing.T) {
	in(t, &broker{}, func(t *testing.T, a *Agent) {
		if _, err := a.Evaluate(t.Context(), read, 0); err == nil {
			t.Error("a quorum of none")
		}
	})
}
