package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Version is the version of MCP that the gateway speaks when it is the client.
const Version = "2025-11-25"

// Ask sends a request and returns the answer to it.
type Ask func(ctx context.Context, id json.RawMessage, raw []byte) (jsonrpc.Message, error)

// Note sends a notification.
type Note func(ctx context.Context, raw []byte) error

// Discover introduces the gateway to a server as a client, and lists its tools.
func Discover(ctx context.Context, ask Ask, note Note) ([]Definition, error) {
	first := json.RawMessage("1")
	answer, err := ask(ctx, first, jsonrpc.Request(first, "initialize", map[string]any{
		"protocolVersion": Version, "capabilities": map[string]any{},
		"clientInfo": map[string]string{"name": "portcullis", "version": "1"},
	}))
	if err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("mcp: the server refuses a client: %s", answer.Error)
	}
	if err := note(ctx, jsonrpc.Request(nil, "notifications/initialized", nil)); err != nil {
		return nil, err
	}
	number := 1
	return listAll(ctx, func(ctx context.Context, cursor string) (Listing, error) {
		number++
		id := json.RawMessage(strconv.Itoa(number))
		answer, err := ask(ctx, id, ListRequest(id, cursor))
		if err != nil {
			return Listing{}, err
		}
		return ListAnswer(answer)
	})
}

// ListRequest asks for one page of a server's tools.
func ListRequest(id json.RawMessage, cursor string) []byte {
	params := map[string]any{}
	if cursor != "" {
		params["cursor"] = cursor
	}
	return jsonrpc.Request(id, "tools/list", params)
}

// ListAnswer reads the answer.
func ListAnswer(answer jsonrpc.Message) (Listing, error) {
	if answer.Result == nil {
		return Listing{}, fmt.Errorf("mcp: the server does not list its tools: %s", answer.Error)
	}
	return ReadListing(answer.Result)
}

// maxPages bounds a list of tools.
const maxPages = 64

// listAll lists all pages.
func listAll(ctx context.Context, list func(context.Context, string) (Listing, error)) ([]Definition, error) {
	var tools []Definition
	cursor := ""
	for range maxPages {
		page, err := list(ctx, cursor)
		if err != nil {
			return nil, err
		}
		if tools = append(tools, page.Tools...); len(tools) > maxListed {
			return nil, fmt.Errorf("mcp: the server lists more than %d tools", maxListed)
		}
		if cursor = page.Cursor; cursor == "" {
			return tools, nil
		}
	}
	return nil, errors.New("mcp: the server's list of tools does not end")
}
