package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// call takes a tools/call. It goes on if its client leaves: leaving is no
// cancellation, and a client that comes back may ask the server for the answer.
func (s *Server) call(w http.ResponseWriter, r *http.Request, m jsonrpc.Message, one *session) {
	p := &peer{s: s, one: one, call: m, header: onward(r.Header), out: newReply(w, r), detached: make(chan struct{})}
	done := make(chan []byte, 1)
	go func() {
		reply := one.Call(s.ctx, m, p)
		one.settle(m.ID, reply)
		done <- reply
	}()
	select {
	case reply := <-done:
		p.out.finish(reply)
	case <-p.detached:
	case <-r.Context().Done():
	}
	p.out.close()
}

// peer is the two ends of one call.
type peer struct {
	s      *Server
	one    *session
	call   jsonrpc.Message
	header http.Header
	out    *reply

	detached chan struct{} // closed when the answer is to come on another stream
}

var errBrokeOff = errors.New("mcp: the server's stream ended without an answer")

// Forward sends the call as the client wrote it, and streams what the server says
// before it answers.
func (p *peer) Forward(ctx context.Context, m jsonrpc.Message) (jsonrpc.Message, error) {
	key := jsonrpc.FromServer.Key(m.ID)
	wait := p.one.expect(key)
	defer p.one.forget(key)
	up, err := p.s.send(ctx, http.MethodPost, p.header, m.Raw)
	if err != nil {
		return jsonrpc.Message{}, err
	}
	defer up.Body.Close()
	switch {
	case up.StatusCode >= 400 && up.StatusCode < 500:
		p.out.status(up)
		return jsonrpc.Message{}, fmt.Errorf("%w: %s", mcp.ErrServerRefused, up.Status)
	case up.StatusCode != http.StatusOK:
		return jsonrpc.Message{}, fmt.Errorf("mcp: the server answered %s", up.Status)
	}
	if kindOf(up) == kindStream {
		p.out.stream()
	}
	resumable := false
	answer, final, err := awaited(up, m.ID, func(ev event, other jsonrpc.Message) error {
		resumable = resumable || ev.id != ""
		if other.Method == "notifications/tools/list_changed" {
			p.one.Changed()
		}
		p.out.write(ev.raw)
		return nil
	})
	p.out.ends(final)
	if !errors.Is(err, io.EOF) || !resumable {
		return answer, err
	}
	return p.elsewhere(ctx, wait)
}

// elsewhere waits for an answer on another stream: the server closed this one, and
// its client may come back for the rest.
func (p *peer) elsewhere(ctx context.Context, wait chan jsonrpc.Message) (jsonrpc.Message, error) {
	late := make(chan []byte, 1)
	if p.out.over() { // the client was asked something meanwhile: its answer is that of its retry
		late <- nil
		defer p.one.settle(p.call.ID, nil)
	}
	p.one.mu.Lock()
	p.one.late[jsonrpc.Key(p.call.ID)] = late
	p.one.mu.Unlock()
	close(p.detached)
	select {
	case answer := <-wait:
		return answer, nil
	case <-ctx.Done():
		return jsonrpc.Message{}, fmt.Errorf("%w: %w", errBrokeOff, context.Cause(ctx))
	}
}

// settle hands the reply to the stream that waits for it, if there is one.
func (s *session) settle(id json.RawMessage, reply []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := jsonrpc.Key(id)
	if late := s.late[key]; late != nil {
		delete(s.late, key)
		select {
		case late <- reply:
		default: // it has one
		}
	}
}

var ownIDs atomic.Uint64

func (p *peer) newID() json.RawMessage {
	return json.RawMessage(strconv.Quote("portcullis-" + p.one.Name() + "-" + strconv.FormatUint(ownIDs.Add(1), 10)))
}

// List asks for one page of the server's tools, with the client's own rights.
func (p *peer) List(ctx context.Context, cursor string) (mcp.Listing, error) {
	id := p.newID()
	answer, err := p.s.ask(ctx, p.header, id, mcp.ListRequest(id, cursor))
	if err != nil {
		return mcp.Listing{}, err
	}
	return mcp.ListAnswer(answer)
}

// Pending asks the client's user to wait on, or tells of progress.
func (p *peer) Pending(ctx context.Context, why *agent.Refused, giveUp func()) {
	if p.one.asks && p.out.stream() {
		go p.elicit(ctx, why, giveUp)
		return
	}
	if note := mcp.PendingProgress(p.call, why); note != nil && p.out.stream() {
		p.out.write(event{}.with(note))
	}
}

func (p *peer) elicit(ctx context.Context, why *agent.Refused, giveUp func()) {
	id := p.newID()
	key := jsonrpc.FromClient.Key(id)
	wait := p.one.expect(key)
	defer p.one.forget(key)
	p.out.write(event{}.with(mcp.PendingQuestion(id, why)))
	select {
	case answer := <-wait:
		if mcp.Declined(answer) {
			giveUp()
		}
	case <-ctx.Done():
	}
}

func accepts(r *http.Request, kind string) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), kind)
}
