// Package mcptest is a whole zone with a gateway in it, for tests.
package mcptest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/mcp"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// Patience is how long a test waits for what must come.
const Patience = 60 * time.Second

// ServerName is what the release calls the server.
const ServerName = "fake"

// World is a zone on an embedded broker, whose release pins a server's tools and
// lets the agent "scout" call them.
type World struct {
	t      testing.TB
	Fabric *fabric.Fabric
	Zone   *zone.Zone
	Desk   *mcp.Desk
	Agent  *agent.Agent
	Book   mcp.Book
}

// executorName is the gateway's executor.
const executorName = "gw"

// New starts a zone. Policy is Cedar about the tools, in addition to the
// template's; the resource of a tool is of type Server.
func New(t testing.TB, tools []mcp.Definition, policy string) *World {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: source(t, tools, policy),
	})
	must(t, err)
	w := &World{t: t, Fabric: f, Desk: &mcp.Desk{}}
	w.Zone, err = zone.Open(t.Context(), zone.Config{Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: w.handlers})
	must(t, err)
	t.Cleanup(w.Zone.Close)
	must(t, w.Zone.StartAll(t.Context()))
	must(t, w.Zone.Start(t.Context(), pb.Role_ROLE_EXECUTOR, executorName))
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	must(t, w.Zone.Ready(ctx))
	a, conn, err := w.Zone.Agent(t.Context(), "scout")
	must(t, err)
	w.Agent = a
	t.Cleanup(conn.Close)
	t.Cleanup(a.Close)
	id := trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: pb.Role_ROLE_AGENT, Name: "scout"}
	w.Book = mcp.NewBook(id, func() (*governance.Release, error) { return f.Release() })
	return w
}

func (w *World) handlers(name string, tools []string) (map[string]executor.Handler, error) {
	if name == executorName {
		return w.Desk.Handlers(name, tools)
	}
	handlers := map[string]executor.Handler{}
	for _, tool := range tools {
		handlers[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	}
	return handlers, nil
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

// source is the template with a server's tools, and who may call them.
func source(t testing.TB, tools []mcp.Definition, policy string) fs.FS {
	t.Helper()
	tree, err := fabric.Template()
	must(t, err)
	files := fstest.MapFS{}
	must(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		files[name] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	}))
	entries, err := mcp.Pin(ServerName, "Server", tools)
	must(t, err)
	files["tools.yaml"].Data = append(files["tools.yaml"].Data, "\n"+entries...)
	var names []string
	for _, d := range tools {
		names = append(names, mcp.ToolName(ServerName, d.Name))
	}
	slices.Sort(names)
	directory := strings.Replace(string(files["directory.yaml"].Data), "http-get, transfer]", "http-get, transfer, "+strings.Join(names, ", ")+"]", 1)
	files["directory.yaml"].Data = fmt.Appendf([]byte(directory), "  - {name: %s, role: executor, tools: [%s]}\n", executorName, strings.Join(names, ", "))
	if policy != "" {
		files["policies/server.cedar"] = &fstest.MapFile{Data: []byte(policy), Mode: 0o600}
	}
	return files
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// EchoRequest asks for the tool Echo without a gateway.
func EchoRequest(t testing.TB) agent.Request {
	t.Helper()
	return agent.Request{
		Tool: mcp.ToolName(ServerName, "echo_text"), Resource: ServerName, Arguments: []byte(`{"text":"x"}`),
		Definition: Definitions(t, Echo)[0].Digest, Timeout: 20 * time.Second,
	}
}
