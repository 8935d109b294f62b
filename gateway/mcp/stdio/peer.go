package stdio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// peer is the two ends of one call.
type peer struct {
	l    *link
	call jsonrpc.Message
}

var errDropped = errors.New("mcp: the call was given up after it went to the server")

// Forward sends the call as the client wrote it.
func (p *peer) Forward(ctx context.Context, m jsonrpc.Message) (jsonrpc.Message, error) {
	answer, err := p.l.ask(ctx, m.ID, m.Raw)
	if err != nil && ctx.Err() != nil && !errors.Is(err, mcp.ErrNotForwarded) {
		p.l.giveUp(m.ID, context.Cause(ctx))
	}
	return answer, err
}

// List asks for one page of the server's tools.
func (p *peer) List(ctx context.Context, cursor string) (mcp.Listing, error) {
	id := p.l.newID()
	answer, err := p.l.ask(ctx, id, mcp.ListRequest(id, cursor))
	if err != nil {
		return mcp.Listing{}, err
	}
	return mcp.ListAnswer(answer)
}

// Pending asks the client's user to wait on, or tells of progress.
func (p *peer) Pending(ctx context.Context, why *agent.Refused, giveUp func()) {
	p.l.mu.Lock()
	asks := p.l.tells
	p.l.mu.Unlock()
	if asks {
		p.l.calls.Go(func() { p.elicit(ctx, why, giveUp) })
		return
	}
	if note := mcp.PendingProgress(p.call, why); note != nil {
		p.l.tell(note)
	}
}

func (p *peer) elicit(ctx context.Context, why *agent.Refused, giveUp func()) {
	id := p.l.newID()
	wait, err := p.l.expect(jsonrpc.FromClient, id)
	if err != nil {
		return
	}
	defer p.l.forget(jsonrpc.FromClient, id)
	p.l.tell(mcp.PendingQuestion(id, why))
	select {
	case answer, ok := <-wait:
		if ok && mcp.Declined(answer) {
			giveUp()
		}
	case <-ctx.Done():
		p.l.tell(mcp.Cancelled(id, "it was answered meanwhile"))
	}
}

// ask sends a request to the server and waits for its answer.
func (l *link) ask(ctx context.Context, id json.RawMessage, raw []byte) (jsonrpc.Message, error) {
	wait, err := l.expect(jsonrpc.FromServer, id)
	if err != nil {
		return jsonrpc.Message{}, err
	}
	defer l.forget(jsonrpc.FromServer, id)
	if err := l.send(ctx, raw); err != nil {
		return jsonrpc.Message{}, err
	}
	select {
	case answer, ok := <-wait:
		return taken(answer, ok)
	case <-l.gone:
		err = ErrServerEnded
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	select {
	case answer, ok := <-wait: // it came as well, and is worth more
		return taken(answer, ok)
	default:
		return jsonrpc.Message{}, err
	}
}

func taken(answer jsonrpc.Message, ok bool) (jsonrpc.Message, error) {
	if !ok {
		return jsonrpc.Message{}, errDropped
	}
	return answer, nil
}

// giveUp tells the server that nobody waits for a call any more.
func (l *link) giveUp(id json.RawMessage, why error) {
	reason := "the call's time is over"
	if why != nil {
		reason = why.Error()
	}
	ctx, cancel := context.WithTimeout(l.ctx, endGrace)
	defer cancel()
	_ = l.send(ctx, mcp.Cancelled(id, reason)) // a server that does not read is told nothing
}

func (l *link) newID() json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return json.RawMessage(strconv.Quote(l.mark + strconv.Itoa(l.next)))
}

// expect registers a wait for an answer of one end.
func (l *link) expect(from jsonrpc.Side, id json.RawMessage) (chan jsonrpc.Message, error) {
	key := from.Key(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own[key] != nil || len(l.own) >= maxAsked {
		return nil, fmt.Errorf("%w: another request with this id is on its way, or there are too many", mcp.ErrNotForwarded)
	}
	return l.own.Expect(key), nil
}

func (l *link) forget(from jsonrpc.Side, id json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.own, from.Key(id))
}

// answered hands an answer to whoever in the gateway waits for it.
func (l *link) answered(from jsonrpc.Side, m jsonrpc.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.own.Answer(from, m)
}
