package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// hop are headers that are between two machines and go no further, and those that
// the gateway answers for itself.
var hop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Accept-Encoding", "Content-Length", "Origin", "Host", "Expect",
}

func onward(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range hop {
		h.Del(name)
	}
	return h
}

// send makes one request, once. The error wraps ErrNotForwarded if no connection
// was made.
func (s *Server) send(ctx context.Context, method string, header http.Header, body []byte) (*http.Response, error) {
	u := *s.upstream
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", mcp.ErrNotForwarded, err)
	}
	r.Header, r.GetBody = header, nil
	up, err := s.client.RoundTrip(r)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return nil, fmt.Errorf("%w: the server cannot be reached: %w", mcp.ErrNotForwarded, err)
	}
	if err != nil {
		return nil, fmt.Errorf("mcp: asking the server: %w", err)
	}
	return up, nil
}

func kindOf(up *http.Response) string {
	kind, _, err := mime.ParseMediaType(up.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

const (
	kindJSON   = "application/json"
	kindStream = "text/event-stream"
)

// readMessage reads an answer that is one message.
func readMessage(up *http.Response) (jsonrpc.Message, error) {
	body, err := io.ReadAll(io.LimitReader(up.Body, maxMessage+1))
	if err != nil {
		return jsonrpc.Message{}, fmt.Errorf("mcp: the server's answer broke off: %w", err)
	}
	return jsonrpc.Parse(body, maxMessage)
}

var errOtherAnswer = errors.New("mcp: the server answered something else than it was asked")

// awaited reads an answer to one request, of either kind; other messages of a
// stream go to other, which may be nil.
func awaited(up *http.Response, id []byte, other func(event, jsonrpc.Message) error) (jsonrpc.Message, event, error) {
	is := func(m jsonrpc.Message) bool { return m.IsResponse() && jsonrpc.Key(m.ID) == jsonrpc.Key(id) }
	if kindOf(up) != kindStream {
		m, err := readMessage(up)
		if err == nil && !is(m) {
			err = errOtherAnswer
		}
		return m, event{}, err
	}
	in := newEvents(up.Body, maxMessage)
	for {
		ev, err := in.next()
		if err != nil {
			return jsonrpc.Message{}, event{}, err
		}
		m, err := jsonrpc.Parse(ev.data, maxMessage)
		if err == nil && is(m) {
			return m, ev, nil
		}
		if len(ev.data) > 0 && err != nil {
			return jsonrpc.Message{}, event{}, fmt.Errorf("%w: %w", errEvent, err)
		}
		if other != nil {
			if err := other(ev, m); err != nil {
				return jsonrpc.Message{}, event{}, err
			}
		}
	}
}

// ask asks the server something on the gateway's own behalf.
func (s *Server) ask(ctx context.Context, header http.Header, id, raw []byte) (jsonrpc.Message, error) {
	up, err := s.send(ctx, http.MethodPost, header, raw)
	if err != nil {
		return jsonrpc.Message{}, err
	}
	defer up.Body.Close()
	if up.StatusCode != http.StatusOK {
		return jsonrpc.Message{}, fmt.Errorf("mcp: the server answered %s", up.Status)
	}
	m, _, err := awaited(up, id, nil)
	return m, err
}
