package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Codes of errors, as JSON-RPC and MCP have them.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
	// CodeDenied is a call that governance did not let through, or that did not end
	// well: the data says which.
	CodeDenied = -32001
)

// Fault is what is wrong with a message, in the terms of JSON-RPC.
type Fault struct {
	Code int
	Text string
}

func (f *Fault) Error() string { return "jsonrpc: " + f.Text }

func fault(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Refusal is the response that tells a fault; without an id it is about a message
// whose id could not be read.
func Refusal(id json.RawMessage, err error) []byte {
	var f *Fault
	if !errors.As(err, &f) {
		f = &Fault{Code: CodeInternal, Text: err.Error()}
	}
	return Failure(id, f.Code, f.Text, nil)
}

// Failure is an error response.
func Failure(id json.RawMessage, code int, text string, data any) []byte {
	body := map[string]any{"code": code, "message": text}
	if data != nil {
		body["data"] = data
	}
	return respond(id, "error", body)
}

// Success is a response with a result.
func Success(id json.RawMessage, result any) []byte { return respond(id, "result", result) }

func respond(id json.RawMessage, member string, body any) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	out, err := Encode(map[string]any{"jsonrpc": "2.0", "id": id, member: body})
	if err != nil { // what this house writes has a JSON form; a raw result was checked when it was read
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"an answer could not be written"}}`)
	}
	return out
}

// Request is a request of one's own; without an id it is a notification.
func Request(id json.RawMessage, method string, params any) []byte {
	body := map[string]any{"jsonrpc": "2.0", "method": method}
	if id != nil {
		body["id"] = id
	}
	if params != nil {
		body["params"] = params
	}
	out, err := Encode(body)
	if err != nil {
		return nil
	}
	return out
}
