package stdio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// fromClient takes what the client writes, until it ends.
func (l *link) fromClient(ctx context.Context) error {
	lines := jsonrpc.NewLines(l.cfg.In, maxMessage)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, jsonrpc.ErrLong) {
			return fmt.Errorf("mcp: reading from the client: %w", err)
		}
		m := jsonrpc.Message{}
		if err == nil {
			m, err = jsonrpc.Parse(line, maxMessage)
		}
		if err == nil {
			err = l.clientSays(ctx, m)
		}
		if err != nil {
			l.cfg.Logger.Warn("a message of the client was refused", "err", err)
			l.tell(jsonrpc.Refusal(m.ID, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// clientSays takes one message. An error refuses it.
func (l *link) clientSays(ctx context.Context, m jsonrpc.Message) error {
	switch {
	case m.IsResponse():
		if !l.answered(jsonrpc.FromClient, m) {
			return l.pass(ctx, m)
		}
		return nil
	case m.Method == "tools/call" && m.IsRequest():
		return l.call(ctx, m)
	case m.Method == "tools/call":
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: "tools/call without an id: nobody would learn what became of it"}
	case m.Method == "notifications/cancelled":
		return l.cancelled(ctx, m)
	case m.IsNotification():
		return l.pass(ctx, m)
	default:
		return l.request(ctx, m)
	}
}

func (l *link) pass(ctx context.Context, m jsonrpc.Message) error {
	if err := l.send(ctx, m.Raw); err != nil {
		return &jsonrpc.Fault{Code: jsonrpc.CodeInternal, Text: err.Error()}
	}
	return nil
}

// request passes a request on and remembers it: an answer to nothing is dropped.
func (l *link) request(ctx context.Context, m jsonrpc.Message) error {
	what := askedOther
	switch m.Method {
	case "initialize":
		l.noteClient(m.Params)
	case "tools/list":
		what = askedTools
	}
	if err := l.remember(m.ID, what); err != nil {
		return err
	}
	return l.pass(ctx, m)
}

func (l *link) remember(id json.RawMessage, what asked) error {
	key := jsonrpc.Key(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, twice := l.asked[key]
	_, own := l.own[jsonrpc.FromServer.Key(id)]
	switch {
	case twice || own || strings.HasPrefix(key, "s"+l.mark):
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: "another request with this id is on its way"}
	case len(l.asked) >= maxAsked:
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: fmt.Sprintf("%d requests are on their way; wait for one of them", maxAsked)}
	}
	l.asked[key] = what
	return nil
}

// noteClient sees from initialize whether the client can ask its user.
func (l *link) noteClient(params json.RawMessage) {
	asks := mcp.Asks(params)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tells = asks
}

// call takes a tools/call, without making the client wait to say more.
func (l *link) call(ctx context.Context, m jsonrpc.Message) error {
	key := jsonrpc.Key(m.ID)
	l.mu.Lock()
	_, twice := l.asked[key]
	_, own := l.own[jsonrpc.FromServer.Key(m.ID)]
	l.mu.Unlock()
	if twice || own || strings.HasPrefix(key, "s"+l.mark) {
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: "another request with this id is on its way"}
	}
	l.calls.Go(func() { l.tell(l.cfg.Session.Call(ctx, m, &peer{l: l, call: m})) })
	return nil
}

// cancelled gives a call up. The server hears of it only if it heard of the call.
func (l *link) cancelled(ctx context.Context, m jsonrpc.Message) error {
	params, err := jsonrpc.Object(m.Params)
	if err != nil {
		return err
	}
	known, forwarded := l.cfg.Session.Cancel(params["requestId"])
	if known && !forwarded {
		return nil
	}
	err = l.pass(ctx, m)
	if known {
		l.drop(params["requestId"])
	}
	return err
}

// drop ends the wait for a call's answer: nobody wants it any more, and what the
// server did of it nobody can tell.
func (l *link) drop(id json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := jsonrpc.FromServer.Key(id)
	if wait := l.own[key]; wait != nil {
		delete(l.own, key)
		close(wait)
	}
}
