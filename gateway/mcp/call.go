package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// request is a tools/call, taken apart.
type request struct {
	message   jsonrpc.Message
	name      string          // of the tool, as the server calls it
	arguments json.RawMessage // an object, as it was sent
	parent    string          // W3C Trace Context
	state     string
	asks      bool   // the client can be asked by an answer to the call
	resume    string // the requestState of a retry; "" if it is none
	answer    string // of the user, in a retry: accept, decline, cancel or ""
}

// readCall takes a tools/call apart. Members that change what a call is (a task,
// say) are refused: their end would not be seen.
func readCall(m jsonrpc.Message) (request, error) {
	r := request{message: m, arguments: json.RawMessage("{}")}
	if m.Params == nil {
		return r, &jsonrpc.Fault{Code: jsonrpc.CodeInvalidParams, Text: "tools/call has no params"}
	}
	params, err := jsonrpc.Object(m.Params)
	if err != nil {
		return r, err
	}
	for name, value := range params {
		switch name {
		case "name":
			r.name, _ = jsonrpc.Text(value)
		case "arguments":
			r.arguments = value
		case "_meta":
			err = r.meta(value)
		case "requestState":
			err = r.retries(value)
		case "inputResponses":
			r.answer, err = userAnswer(value)
		default:
			err = fmt.Errorf("the member %.60q of params is not known here", name)
		}
		if err != nil {
			return r, &jsonrpc.Fault{Code: jsonrpc.CodeInvalidParams, Text: "tools/call: " + err.Error()}
		}
	}
	if params["inputResponses"] != nil && r.resume == "" {
		return r, errNoState
	}
	if r.name == "" || len(r.name) > maxToolName || r.arguments[0] != '{' {
		return r, &jsonrpc.Fault{Code: jsonrpc.CodeInvalidParams, Text: fmt.Sprintf("tools/call: name must be a text of 1 to %d bytes, and arguments an object", maxToolName)}
	}
	return r, nil
}

func (r *request) retries(state json.RawMessage) error {
	if r.resume, _ = jsonrpc.Text(state); r.resume == "" {
		return errors.New("requestState is no text of the gateway's")
	}
	return nil
}

var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

const maxTraceState = 512

// meta takes the trace context; one that is none is left out, as its specification
// says.
func (r *request) meta(raw json.RawMessage) error {
	members, err := jsonrpc.Object(raw)
	if err != nil {
		return errors.New("_meta is no object")
	}
	r.asks = asksByAnswer(members)
	if parent, _ := jsonrpc.Text(members["traceparent"]); traceParent.MatchString(parent) {
		r.parent = parent
	}
	if state, _ := jsonrpc.Text(members["tracestate"]); r.parent != "" && len(state) <= maxTraceState {
		r.state = state
	}
	return nil
}

// call is a request on its way.
type call struct {
	request
	peer       Peer
	stop       context.CancelFunc // ends the wait for what becomes of it
	key        string             // in the session's table
	tool       string             // its name in the release
	entry      Entry              // what the release said of it when the call came
	resource   string             // what it acts upon, as policies see it
	definition trust.Digest
	now        func() trust.Digest // the definition by which the tool would be called now
	asking     *asking             // nil if the client cannot be asked by an answer

	mu        sync.Mutex
	intent    trust.Digest
	over      bool             // the client wants no answer any more
	withdrawn bool             // the user gave it up: it is not to be forwarded
	forward   bool             // it went to the server
	reply     *jsonrpc.Message // the server's
}

var (
	errOver    = errors.New("mcp: the client gave the call up before it was sent to the server")
	errChanged = errors.New("mcp: the tool's definition changed since it was decided; nothing was sent to the server")
	errOther   = errors.New("mcp: the permit is for other arguments, another resource or another definition; nothing was sent to the server")
)

// act forwards the call, once: the desk gives it away once. It runs in the
// executor, on a permit.
func (c *call) act(ctx context.Context, a executor.Action) (executor.Result, error) {
	switch {
	case !bytes.Equal(a.Intent.GetArguments(), c.arguments) || a.Intent.GetResource() != c.resource || trust.DigestIn(a.Intent.GetDefinitionDigest()) != c.definition:
		return executor.Result{}, errOther
	case c.now() != c.definition:
		return executor.Result{}, errChanged
	case !c.begin():
		return executor.Result{}, errOver
	}
	answer, err := c.peer.Forward(ctx, c.message)
	if err != nil {
		return executor.Result{}, forwardFailed(err)
	}
	c.mu.Lock()
	c.reply = &answer
	c.mu.Unlock()
	return verdictOf(answer)
}

// verdictOf says what a server's answer means for the ledger.
func verdictOf(answer jsonrpc.Message) (executor.Result, error) {
	if answer.Error != nil {
		return executor.Result{}, errors.New("mcp: the server answered with an error")
	}
	members, err := jsonrpc.Object(answer.Result)
	if err != nil {
		return executor.Result{}, fmt.Errorf("mcp: the server's result: %w", err)
	}
	if failed, said := members["isError"]; said && string(failed) != "false" {
		return executor.Result{}, errors.New("mcp: the tool says that it failed")
	}
	if kind, said := members["resultType"]; said && string(kind) != `"complete"` {
		return executor.Result{}, fmt.Errorf("mcp: the server did not complete the call: its result is of type %.60s", kind)
	}
	return executor.Result{Data: answer.Result}, nil
}

// begin reports whether the call may still be forwarded, and is from now on.
func (c *call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.withdrawn {
		return false
	}
	c.forward = true
	return true
}

// withdraw gives the call up for its user. It reports whether nothing was forwarded,
// and nothing will be.
func (c *call) withdraw() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withdrawn = !c.forward
	return c.withdrawn
}

func (c *call) givenUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// give ends the call for the client; forwarded says whether it went to the server.
func (c *call) give() (forwarded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.forward
}

func (c *call) answered() *jsonrpc.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply
}
