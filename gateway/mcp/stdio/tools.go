package stdio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Tools starts a server's command, asks for its tools as a client would, and ends
// it.
func Tools(ctx context.Context, errs io.Writer, command ...string) ([]mcp.Definition, error) {
	p, err := Start(ctx, errs, command...)
	if err != nil {
		return nil, err
	}
	a := &asker{server: p, lines: jsonrpc.NewLines(p.Reader(), maxMessage)}
	tools, err := mcp.Discover(ctx, a.ask, a.note)
	return tools, errors.Join(err, p.Close())
}

// asker asks a server one thing at a time.
type asker struct {
	server Server
	lines  *jsonrpc.Lines
}

func (a *asker) note(_ context.Context, raw []byte) error {
	if _, err := a.server.Writer().Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("mcp: the server does not read: %w", err)
	}
	return nil
}

func (a *asker) ask(ctx context.Context, id json.RawMessage, raw []byte) (jsonrpc.Message, error) {
	if err := a.note(ctx, raw); err != nil {
		return jsonrpc.Message{}, err
	}
	for {
		line, err := a.lines.Next()
		if err != nil {
			return jsonrpc.Message{}, fmt.Errorf("mcp: the server ended before it answered: %w", err)
		}
		m, err := jsonrpc.Parse(line, maxMessage)
		if err == nil && m.IsResponse() && jsonrpc.Key(m.ID) == jsonrpc.Key(id) {
			return m, nil
		}
	}
}
