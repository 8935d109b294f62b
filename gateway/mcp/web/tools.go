package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Tools asks a server for its tools as a client would.
func Tools(ctx context.Context, upstream string) ([]mcp.Definition, error) {
	u, err := endpoint(upstream)
	if err != nil {
		return nil, err
	}
	a := &asker{s: &Server{upstream: u, client: transport()}, header: http.Header{
		"Content-Type": {kindJSON}, "Accept": {kindJSON + ", " + kindStream},
	}}
	return mcp.Discover(ctx, a.ask, a.note)
}

type asker struct {
	s      *Server
	header http.Header
}

func (a *asker) ask(ctx context.Context, id json.RawMessage, raw []byte) (jsonrpc.Message, error) {
	up, err := a.s.send(ctx, http.MethodPost, a.header.Clone(), raw)
	if err != nil {
		return jsonrpc.Message{}, err
	}
	defer up.Body.Close()
	if up.StatusCode != http.StatusOK {
		return jsonrpc.Message{}, fmt.Errorf("mcp: the server answered %s", up.Status)
	}
	if name := up.Header.Get(sessionHeader); name != "" {
		a.header.Set(sessionHeader, name)
		a.header.Set("Mcp-Protocol-Version", mcp.Version)
	}
	m, _, err := awaited(up, id, nil)
	return m, err
}

func (a *asker) note(ctx context.Context, raw []byte) error {
	up, err := a.s.send(ctx, http.MethodPost, a.header.Clone(), raw)
	if err != nil {
		return err
	}
	return up.Body.Close()
}
