package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// shortDeadline is how long scout gives in the steps about deadlines.
const shortDeadline = time.Second

// freeze: while no enforcer runs, nobody decides; when one goes on, its decision
// comes too late for any claim. On a busy machine the intent itself may come too late,
// which shows something else (step 7c): then scout gives more time.
func (p *plot) freeze(ctx context.Context, s *stage, step *Step) error {
	for within := shortDeadline; ; within *= 2 {
		deadline := time.Now().Add(within)
		answer, err := s.proposeToNobody(ctx, deadline)
		if err != nil {
			return err
		}
		var unanswered *agent.Unanswered
		switch {
		case errors.As(answer, &unanswered):
			p.late = unanswered.Intent
			return s.tooLate(ctx, step, p.late, deadline)
		case answer == nil:
			return errors.New("story: scout was to get no answer, and its request was executed")
		case !cameLate(answer) || within >= patience/2:
			return fmt.Errorf("story: scout was to get no answer, and got: %w", answer)
		}
	}
}

// proposeToNobody is scout's answer to a request that no enforcer sees before its
// deadline.
func (s *stage) proposeToNobody(ctx context.Context, deadline time.Time) (answer, err error) {
	resume, err := s.freezeEnforcers()
	defer resume()
	if err != nil {
		return nil, err
	}
	request := fileWrite(lateFile, "too late\n")
	request.Deadline = deadline
	answered := make(chan error, 1)
	go func() {
		_, err := s.scout.agent.Propose(ctx, request)
		answered <- err
	}()
	if err := s.view.await(ctx, "log time to pass the deadline", func() bool { return s.view.logTime.After(deadline) }); err != nil {
		return nil, err
	}
	resume()
	return <-answered, nil
}

// cameLate reports whether the ledger got an intent only after its deadline, or not at
// all. Who hears anything else was answered.
func cameLate(answer error) bool {
	if refused, ok := errors.AsType[*agent.Refused](answer); ok {
		return slices.Equal(refused.Reasons, []pb.Reason{pb.Reason_REASON_DEADLINE_PASSED})
	}
	return errors.Is(answer, agent.ErrNotSent)
}

// claimLate: what was decided after its deadline is as good as not decided.
func (p *plot) claimLate(ctx context.Context, s *stage, step *Step) error {
	if err := s.claim(ctx, step, "file-write", p.late, s.view.where(p.late)); err != nil {
		return err
	}
	step.Check = "at the claim: a decision that came after the deadline is none"
	return s.fileMissing(step)
}

// freezeEnforcers freezes every enforcer; resume may be called again.
func (s *stage) freezeEnforcers() (resume func(), err error) {
	var frozen []part
	resume = func() {
		for _, p := range frozen {
			err = errors.Join(err, p.Resume())
		}
		frozen = nil
	}
	for _, p := range s.parts {
		if p.role != pb.Role_ROLE_ENFORCER {
			continue
		}
		if err := p.Pause(); err != nil {
			return resume, err
		}
		frozen = append(frozen, p)
	}
	return resume, nil
}

// tooLate demands that a decision was made after the deadline, and that nothing
// followed from it.
func (s *stage) tooLate(ctx context.Context, step *Step, intent trust.Digest, deadline time.Time) error {
	d, err := s.view.awaitDecision(ctx, intent)
	if err != nil {
		return err
	}
	// The executor has passed the decision when it does something later.
	if _, err := s.propose(ctx, new(Step), fileRead(report)); err != nil {
		return err
	}
	_, claims, outcomes := s.view.counts(intent)
	step.Result = "NOT EXECUTED"
	step.Check = "at the claim: the decision came after the deadline, when no claim can be valid"
	step.expect(d.logTime.After(deadline), "the decision is not late")
	step.expect(claims == 0 && outcomes == 0, "there are %d claims and %d outcomes", claims, outcomes)
	step.place("intent", s.view.where(intent))
	step.place("decision", d.at)
	return s.fileMissing(step)
}

func (s *stage) fileMissing(step *Step) error {
	_, there, err := s.file(lateFile)
	step.expect(!there, "%s exists", lateFile)
	step.World = lateFile + " does not exist"
	return err
}

// late: the deadline is over when the intent reaches the ledger.
func (*plot) arriveLate(ctx context.Context, s *stage, step *Step) error {
	request := fileWrite(lateFile, "too late\n")
	request.Deadline = time.Now().Add(-shortDeadline)
	_ = s.denied(ctx, step, request, pb.Reason_REASON_DEADLINE_PASSED)
	step.Check = "at the decision"
	return s.fileMissing(step)
}
