// Package mcptest is a whole zone with an MCP gateway in it, for tests.
package mcptest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/gatewaytest"
	"github.com/portcullis-dev/portcullis/gateway/mcp"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Patience is how long a test waits for what must come.
const Patience = gatewaytest.Patience

// ServerName is what the release calls the server.
const ServerName = "fake"

// World is a zone whose release pins a server's tools and lets the agent "scout" call
// them.
type World struct {
	*gatewaytest.World
	t    testing.TB
	Book mcp.Book
}

// New starts a zone. Policy is Cedar about the tools, in addition to the
// template's; the resource of a tool is of type Server.
func New(t testing.TB, tools []mcp.Definition, policy string) *World {
	t.Helper()
	entries, err := mcp.Pin(mcp.Pinning{Server: ServerName, ResourceType: "Server"}, tools)
	must(t, err)
	source := gatewaytest.Source{Entries: entries, Policy: policy}
	for _, d := range tools {
		source.Tools = append(source.Tools, mcp.ToolName(ServerName, d.Name))
	}
	w := &World{World: gatewaytest.New(t, source), t: t}
	id := trust.Identity{TrustDomain: w.Fabric.TrustDomain, Zone: w.Fabric.Zone, Role: pb.Role_ROLE_AGENT, Name: gatewaytest.AgentName}
	w.Book = mcp.NewBook(id, func() (*governance.Release, error) { return w.Fabric.Release() })
	return w
}

// Session begins a session of a gateway.
func (w *World) Session(adjust func(*mcp.Config)) *mcp.Session {
	w.t.Helper()
	s, err := w.Gateway(adjust).NewSession()
	must(w.t, err)
	return s
}

// Gateway is a gateway for the server.
func (w *World) Gateway(adjust func(*mcp.Config)) *mcp.Gateway {
	w.t.Helper()
	cfg := mcp.Config{Agent: w.Agent, Desk: w.Desk, Server: ServerName, Book: w.Book, Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second}
	if adjust != nil {
		adjust(&cfg)
	}
	g, err := mcp.New(cfg)
	must(w.t, err)
	return g
}

// EchoRequest asks for the tool Echo without a gateway.
func EchoRequest(t testing.TB) agent.Request {
	t.Helper()
	return agent.Request{
		Tool: mcp.ToolName(ServerName, "echo_text"), Resource: ServerName, Arguments: []byte(`{"text":"x"}`),
		Definition: Definitions(t, Echo)[0].Digest, Timeout: 20 * time.Second,
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
