package mcp

import (
	"encoding/json"
	"fmt"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// resolve says which tool of the release a call is for, and what it acts upon. An
// error refuses the call: nothing is proposed.
func (s *Session) resolve(c *call) (err error) {
	c.tool = ToolName(s.cfg.Server, c.name)
	c.entry = s.cfg.Book.Entry(c.tool)
	if c.entry.Resource != "" {
		c.resource, err = pinnedResource(c.arguments, c.entry.Resource)
		return err
	}
	c.resource = s.cfg.Server
	if text := argument(c.arguments, s.cfg.Resource); text != "" {
		c.resource = text
	}
	return nil
}

// pinnedResource is the value of the argument that governors signed to be the
// resource. Without it there is no other: a call upon nothing named would be judged
// as one upon the server.
func pinnedResource(arguments json.RawMessage, name string) (string, error) {
	text := argument(arguments, name)
	if text == "" {
		return "", &jsonrpc.Fault{
			Code: jsonrpc.CodeInvalidParams,
			Text: fmt.Sprintf("tools/call: the release takes the argument %q for the resource; give it, as a text that is not empty", name),
		}
	}
	return text, nil
}

// argument is the value of an argument that is a text, "" if there is none.
func argument(arguments json.RawMessage, name string) string {
	members, err := jsonrpc.Object(arguments)
	if err != nil {
		return ""
	}
	text, _ := jsonrpc.Text(members[name])
	return text
}
