package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// plot is what steps leave behind for later ones.
type plot struct {
	transferred trust.Digest // the intent of step 3
	forged      trust.Digest // the intent of step 5a
	late        trust.Digest // the intent of step 7a
	altered     trust.Digest // the intent of step 8a
}

const (
	report     = "reports/q3.txt"
	written    = "out/demo.txt"
	lateFile   = "out/late.txt"
	account    = "acme"
	amount     = 250
	overAmount = 5000
)

func fileRead(name string) agent.Request {
	return agent.Request{Tool: "file-read", Resource: name, Arguments: object(map[string]any{"path": name})}
}

func fileWrite(name, content string) agent.Request {
	return agent.Request{Tool: "file-write", Resource: name, Arguments: object(map[string]any{"path": name, "content": content})}
}

func transferOf(sum int) agent.Request {
	return agent.Request{Tool: "transfer", Resource: account, Arguments: fmt.Appendf(nil, `{"to":%q,"amount":%d,"currency":"EUR"}`, account, sum)}
}

// object is a JSON object of strings.
func object(fields map[string]any) json.RawMessage {
	data, err := json.Marshal(fields)
	if err != nil { // strings always have a JSON form
		return nil
	}
	return data
}

// propose proposes as scout what must be executed, and notes where it stands.
func (s *stage) propose(ctx context.Context, step *Step, r agent.Request) (*agent.Outcome, error) {
	out, err := s.scout.agent.Propose(ctx, r)
	if err != nil {
		step.Result = "FAILED"
		step.fault("it was to be executed: %v", err)
		return &agent.Outcome{}, nil
	}
	var decided decision
	err = s.view.await(ctx, "the outcome of "+out.Intent.Short(), func() bool {
		all, done := s.view.decisions[out.Intent], s.view.outcomes[out.Intent]
		if len(all) > 0 {
			decided = all[0]
		}
		return len(all) > 0 && len(done) > 0
	})
	if err != nil {
		return nil, err
	}
	step.Result = "EXECUTED"
	step.Check = "allowed by " + strings.Join(decided.GetPolicies(), ", ")
	step.place("intent", s.view.where(out.Intent))
	step.place("decision", decided.at)
	step.place("claim", out.Claim)
	step.place("outcome", out.At)
	return out, nil
}

func (*plot) read(ctx context.Context, s *stage, step *Step) error {
	out, err := s.propose(ctx, step, fileRead(report))
	if err != nil {
		return err
	}
	onDisk, _, err := s.file(report)
	if err != nil {
		return err
	}
	var got struct{ Content string }
	if err := json.Unmarshal(out.Result, &got); err != nil || got.Content != onDisk {
		step.fault("the result is not the file's content")
	}
	step.World = "scout holds what " + report + " says"
	return nil
}

func (*plot) write(ctx context.Context, s *stage, step *Step) error {
	content := "Written by scout in session " + time.Now().UTC().Format(time.RFC3339Nano) + "\n"
	if _, err := s.propose(ctx, step, fileWrite(written, content)); err != nil {
		return err
	}
	onDisk, _, err := s.file(written)
	if err != nil {
		return err
	}
	step.expect(onDisk == content, "%s holds %q", written, onDisk)
	step.World = written + " is on the disk, with what scout wrote"
	return nil
}

func (p *plot) transfer(ctx context.Context, s *stage, step *Step) error {
	out, err := s.propose(ctx, step, transferOf(amount))
	if err != nil {
		return err
	}
	p.transferred = out.Intent
	s.bankUnmoved(step)
	return nil
}

// bankUnmoved demands that the bank has the one transfer of step 3 and no other.
func (s *stage) bankUnmoved(step *Step) {
	books := s.bank.Transfers()
	sum := int64(0)
	for _, t := range books {
		sum += t.Amount
	}
	step.expect(len(books) == 1 && sum == amount && books[0].To == account, "the bank's books are %v", books)
	step.World = fmt.Sprintf("the bank's books: %d to %s, once", amount, account)
}

func (*plot) overLimit(ctx context.Context, s *stage, step *Step) error {
	refused := s.denied(ctx, step, transferOf(overAmount), pb.Reason_REASON_POLICY_DEFAULT_DENY)
	step.Check = "at the decision"
	for line := range strings.Lines(refused.Explanation) {
		if strings.Contains(line, "small-transfers") {
			step.Because = strings.TrimSpace(line)
		}
	}
	step.expect(strings.Contains(step.Because, "context.arguments.amount <= 1000 was false (amount = 5000)"), "the explanation names no failed condition: %q", refused.Explanation)
	s.bankUnmoved(step)
	return nil
}

// denied proposes as scout what must be refused for a reason.
func (s *stage) denied(ctx context.Context, step *Step, r agent.Request, want pb.Reason) *agent.Refused {
	_, err := s.scout.agent.Propose(ctx, r)
	var refused *agent.Refused
	if !errors.As(err, &refused) {
		step.Result = "NOT REFUSED"
		step.fault("it was to be refused, and came out as: %v", err)
		return &agent.Refused{}
	}
	step.refused("DENY", refused.Reasons, want)
	step.place("intent", refused.At)
	step.place("decision", refused.DecidedAt)
	return refused
}
