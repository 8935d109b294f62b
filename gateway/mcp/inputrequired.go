package mcp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// A client of MCP 2026-07-28 is asked by the answer to its call (Multi Round-Trip
// Requests): an InputRequiredResult with the question and a requestState. The call
// waits here for its approval; the client's retry, another request with the same
// tool and arguments, brings the user's answer and takes the call up again. Nothing
// is proposed twice. A call that is approved while nobody asks for it is carried out:
// it was asked for, and not given up.

// roundTrips is the version of MCP whose clients are asked so. Others are not known
// to mean the same.
const roundTrips = "2026-07-28"

// questionName is the gateway's question among a call's inputRequests.
const questionName = "portcullis"

// collectWithin is how long after its deadline the answer of a call is kept for a
// client that has not come back.
const collectWithin = time.Minute

var errWithdrawn = errors.New("the call was given up before anything was sent to the server")

// asksByAnswer reports whether the _meta of a request says that its client can ask
// its user by a form, in the way of roundTrips.
func asksByAnswer(meta map[string]json.RawMessage) bool {
	version, _ := jsonrpc.Text(meta["io.modelcontextprotocol/protocolVersion"])
	capabilities, err := jsonrpc.Object(meta["io.modelcontextprotocol/clientCapabilities"])
	if version != roundTrips || err != nil {
		return false
	}
	modes, err := jsonrpc.Object(capabilities["elicitation"])
	return err == nil && (len(modes) == 0 || modes["form"] != nil)
}

// asking is the part of a call whose client is asked by an answer.
type asking struct {
	question chan *agent.Refused // why the call waits, once; capacity 1
	done     chan []byte         // what became of it; capacity 1
	why      *agent.Refused
	until    time.Time // afterwards it is forgotten
}

func newAsking(timeout time.Duration) *asking {
	return &asking{question: make(chan *agent.Refused, 1), done: make(chan []byte, 1), until: time.Now().Add(timeout + collectWithin)}
}

// wonder hands the question on, the first time.
func (a *asking) wonder(why *agent.Refused) {
	if a.why == nil {
		a.why = why
		a.question <- why
	}
}

// callAsking carries a call out and returns its end, or the question to the client.
func (s *Session) callAsking(ctx context.Context, c *call) []byte {
	go func() { c.asking.done <- s.run(ctx, c) }()
	return s.await(ctx, c, c.message.ID)
}

// await answers a request of the client's with what becomes of a call.
func (s *Session) await(ctx context.Context, c *call, id json.RawMessage) []byte {
	select {
	case reply := <-c.asking.done:
		return s.readdressed(reply, id)
	case why := <-c.asking.question:
		return s.park(c, why, id)
	case <-ctx.Done():
		return s.refusal(id, context.Cause(ctx))
	}
}

// readdressed is the end of a call as the answer to another request of its client;
// nil if nobody wants it.
func (s *Session) readdressed(reply []byte, id json.RawMessage) []byte {
	if reply == nil {
		return nil
	}
	m, err := jsonrpc.Parse(reply, len(reply))
	if err != nil {
		return s.refusal(id, err)
	}
	return m.Readdressed(id)
}

// park puts a call aside and asks its client. The state is a secret of the two: it
// is drawn at random, counts once, and for the same call only.
func (s *Session) park(c *call, why *agent.Refused, id json.RawMessage) []byte {
	state := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.key)
	c.key, s.parked[state] = "", c
	return jsonrpc.Success(id, map[string]any{
		"resultType":    "input_required",
		"inputRequests": map[string]any{questionName: map[string]any{"method": "elicitation/create", "params": pendingForm(why)}},
		"requestState":  state,
	})
}

var errNoState = &jsonrpc.Fault{
	Code: jsonrpc.CodeInvalidParams,
	Text: "tools/call: this requestState is not the gateway's, was used, or is of another call; answers to a server's own questions are not passed on",
}

// retry takes a call up again, with the user's answer.
func (s *Session) retry(ctx context.Context, r request) []byte {
	c, err := s.unpark(r)
	if err != nil {
		return jsonrpc.Refusal(r.message.ID, err)
	}
	defer s.leave(c)
	if len(c.asking.done) > 0 { // its end is worth more than the answer
		return s.await(ctx, c, r.message.ID)
	}
	switch r.answer {
	case "":
		return s.park(c, c.asking.why, r.message.ID)
	case "decline", "cancel":
		if c.withdraw() {
			c.stop()
			return s.refusal(r.message.ID, errWithdrawn)
		}
	}
	reply := s.await(ctx, c, r.message.ID)
	if c.givenUp() {
		return nil
	}
	return reply
}

// unpark finds the call that a retry is for, which is on its way again from now on.
func (s *Session) unpark(r request) (*call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.parked[r.resume]
	if c == nil || c.name != r.name || !sameJSON(c.arguments, r.arguments) {
		return nil, errNoState
	}
	if err := s.admit(c, r.message.ID); err != nil {
		return nil, err
	}
	delete(s.parked, r.resume)
	return c, nil
}

// sameJSON reports whether two texts say the same: clients write a retry anew.
func sameJSON(a, b json.RawMessage) bool {
	one, err := jsonrpc.Canonical(a)
	other, bad := jsonrpc.Canonical(b)
	return err == nil && bad == nil && bytes.Equal(one, other)
}

// forgetParked drops calls that nobody came back for; called with mu held.
func (s *Session) forgetParked(now time.Time) {
	for state, c := range s.parked {
		if now.After(c.asking.until) {
			delete(s.parked, state)
		}
	}
}

// userAnswer is what the user says to the gateway's question: an action of an
// ElicitResult; "" if nothing is said to it.
func userAnswer(responses json.RawMessage) (string, error) {
	all, err := jsonrpc.Object(responses)
	if err != nil {
		return "", errors.New("inputResponses is no object")
	}
	answer, err := jsonrpc.Object(all[questionName])
	if err != nil {
		return "", nil //nolint:nilerr // no answer to this question: it is asked again
	}
	action, _ := jsonrpc.Text(answer["action"])
	if !slices.Contains([]string{"accept", "decline", "cancel"}, action) {
		return "", nil
	}
	return action, nil
}
