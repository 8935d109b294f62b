package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// Request is one action that an agent asks for. Tool is required.
type Request struct {
	Tool        string
	Action      string          // empty means the tool's name
	Resource    string          // what is acted upon, in the tool's terms
	Arguments   json.RawMessage // a JSON object; empty means {}
	Context     json.RawMessage // a JSON object; empty means none
	Timeout     time.Duration   // until the deadline; 0 means 10 s
	Deadline    time.Time       // if set, instead of Timeout
	Parents     []trust.Digest  // intents that caused this one
	Delegation  [][]byte        // Delegation envelopes, from the root principal to this agent
	TraceParent string          // W3C Trace Context
	TraceState  string

	// Definition is the digest of the tool's definition that the agent was shown,
	// for tools whose definition the release pins; zero for others.
	Definition trust.Digest

	// Proposing, if set, is told the intent's digest before the intent is sent, and
	// must return soon.
	Proposing func(intent trust.Digest)

	// Seal, if set, is a sealing key of the release: the arguments go sealed to it,
	// for enforcers and executors alone to read.
	Seal trust.SealTo

	// Pending, if set, is told when the intent waits for approvals, once for each
	// round, and must return soon. Propose waits on: until the deadline an approval
	// may come.
	Pending func(*Refused)
}

// Outcome is an action that was executed.
type Outcome struct {
	Intent trust.Digest
	Claim  ledger.Position // the fencing token under which it was done
	At     ledger.Position // where the outcome stands
	Result []byte          // what the handler returned

	// Explanation is for people: why there is no result, if it was too large.
	Explanation string
}

// answerGrace is how long after the deadline an answer may still come: the
// action may have started just before it.
const answerGrace = 2 * time.Second

// Propose appends the request as the session's next intent and waits for what
// becomes of it, at most until shortly after its deadline. An intent that was not
// approved by then is Refused. If ctx ends first,
// the intent stays on the ledger and may still be executed.
func (s *Session) Propose(ctx context.Context, r Request) (outcome *Outcome, err error) {
	ended := s.traced(ctx, &r)
	defer func() { ended(err) }()
	wait, err := s.propose(r, 0)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, wait); err != nil {
		return nil, err
	}
	return wait.outcome, nil
}

// await waits for what becomes of an intent. After nil it was what the caller wants.
func (s *Session) await(ctx context.Context, wait *waiting) error {
	defer s.a.answers.forget(wait.intent)
	over := time.NewTimer(time.Until(wait.deadline) + answerGrace)
	defer over.Stop()
	select {
	case <-wait.done:
		return wait.result()
	case <-over.C:
		return wait.unanswered()
	case <-ctx.Done():
		return fmt.Errorf("agent: stopped waiting for intent %s, which may still be executed: %w", wait.intent, ctx.Err())
	}
}

// propose makes the intent and queues it. The session moves on only if the
// intent could be made. With a quorum it asks for a decision only.
func (s *Session) propose(r Request, quorum int) (*waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, deadline, err := s.encode(r, quorum > 0)
	if err != nil {
		return nil, err
	}
	digest := trust.DigestOf(item)
	wait, err := s.a.answers.expect(digest, deadline, quorum, r.Pending)
	if err != nil {
		return nil, err
	}
	if r.Proposing != nil {
		r.Proposing(digest)
	}
	s.sequence++
	s.previous = digest[:]
	s.a.send(item, wait)
	return wait, nil
}

func (s *Session) encode(r Request, evaluation bool) (item []byte, deadline time.Time, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("agent: no randomness for an intent: %w", err)
	}
	deadline = r.Deadline
	if deadline.IsZero() {
		deadline = time.Now().Add(orElse(r.Timeout, defaultTimeout))
	}
	in := &pb.Intent{
		Id: id[:], Agent: s.a.cfg.ID.String(), Session: s.name, Sequence: s.sequence + 1, Previous: s.previous,
		Delegation: r.Delegation, Tool: r.Tool, Action: orElse(r.Action, r.Tool), Resource: r.Resource,
		Arguments: r.Arguments, Context: r.Context, Deadline: timestamppb.New(deadline),
		TraceParent: r.TraceParent, TraceState: r.TraceState, Evaluation: evaluation,
	}
	if err := s.argue(in, r.Seal); err != nil {
		return nil, time.Time{}, err
	}
	if !r.Definition.IsZero() {
		in.DefinitionDigest = r.Definition[:]
	}
	for _, p := range r.Parents {
		in.Parents = append(in.Parents, p[:])
	}
	item, err = schemas.Marshal(in)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("agent: the request is not a valid intent: %w", err)
	}
	if len(item) > schemas.MaxIntent {
		return nil, time.Time{}, fmt.Errorf("agent: the intent has %d bytes, at most %d are accepted; pass large data by reference", len(item), schemas.MaxIntent)
	}
	return item, deadline, nil
}

// argue completes an intent's arguments: with their digest, and sealed if a key is
// given.
func (s *Session) argue(in *pb.Intent, seal trust.SealTo) error {
	if len(in.GetArguments()) == 0 {
		in.Arguments = []byte("{}")
	}
	if !json.Valid(in.GetArguments()) {
		return errors.New("agent: the arguments are no JSON; give an object, such as {\"path\":\"notes.txt\"}")
	}
	if seal != (trust.SealTo{}) {
		if err := trust.SealArguments(seal, s.a.cfg.Ledger, in, in.GetArguments()); err != nil {
			return fmt.Errorf("agent: the arguments were not sealed: %w", err)
		}
		return nil
	}
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
	return nil
}

const resendAfter = 200 * time.Millisecond

// send queues the intent; after an unknown answer the very same bytes are sent
// again until the deadline, which cannot double the action.
func (a *Agent) send(item []byte, wait *waiting) {
	subject := schemas.Subject(a.cfg.ID.Zone, schemas.KindIntent, a.cfg.ID.Name)
	a.box.Add(subject, item, func(s outbox.Sent) {
		absent := wait.sent(s.Err)
		again := errors.Is(s.Err, streams.ErrUnknown) || errors.Is(s.Err, streams.ErrUnreachable)
		switch {
		case s.Err == nil:
		case again && time.Now().Before(wait.deadline):
			time.AfterFunc(resendAfter, func() { a.send(item, wait) })
		case errors.Is(s.Err, outbox.ErrClosed):
			wait.fail(ErrClosed)
		case absent:
			wait.fail(fmt.Errorf("%w: %w", ErrNotSent, s.Err))
		default: // a copy may be on the ledger: only its answer or the deadline ends the wait
		}
	})
}

func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
