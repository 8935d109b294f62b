package mcptest

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Client is the other end of a gateway's standard input and output.
type Client struct {
	t      testing.TB
	in     *io.PipeWriter
	heard  chan jsonrpc.Message
	Reader *io.PipeReader // the gateway's input
	Writer *io.PipeWriter // the gateway's output
}

// NewClient makes the pipes.
func NewClient(t testing.TB) *Client {
	t.Helper()
	c := &Client{t: t, heard: make(chan jsonrpc.Message, 64)}
	c.Reader, c.in = io.Pipe()
	out, w := io.Pipe()
	c.Writer = w
	go func() {
		defer close(c.heard)
		lines := jsonrpc.NewLines(out, 32<<20)
		for {
			line, err := lines.Next()
			if err != nil {
				return
			}
			m, err := jsonrpc.Parse(line, 32<<20)
			if err != nil {
				t.Errorf("the gateway wrote %q: %v", line, err)
			}
			c.heard <- m
		}
	}()
	return c
}

// Say writes one line to the gateway.
func (c *Client) Say(line string) {
	c.t.Helper()
	_, err := c.in.Write([]byte(line + "\n"))
	must(c.t, err)
}

// Close closes the gateway's input.
func (c *Client) Close() { _ = c.in.Close() }

// Hear is the gateway's next message.
func (c *Client) Hear() jsonrpc.Message {
	c.t.Helper()
	select {
	case m, ok := <-c.heard:
		if !ok {
			c.t.Fatal("the gateway ended")
		}
		return m
	case <-time.After(Patience):
		c.t.Fatal("the gateway says nothing")
	}
	return jsonrpc.Message{}
}

// HearText demands the next message to hold some words.
func (c *Client) HearText(words ...string) jsonrpc.Message {
	c.t.Helper()
	m := c.Hear()
	for _, w := range words {
		if !strings.Contains(string(m.Raw), w) {
			c.t.Fatalf("the gateway said %s, which lacks %q", m.Raw, w)
		}
	}
	return m
}
