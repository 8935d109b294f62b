// Package gatewaytest is a whole zone with a gateway's agent and executor in it, for
// tests.
package gatewaytest

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
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// Patience is how long a test waits for what must come.
const Patience = 60 * time.Second

// AgentName is the agent whose calls pass the gateway, ExecutorName the gateway's
// executor, and ApproverName somebody who may approve.
const (
	AgentName    = "scout"
	ExecutorName = "gw"
	ApproverName = "boss"
)

// Source is what a release has in addition to the template's.
type Source struct {
	Entries string   // of tools.yaml, as they stand there
	Tools   []string // their names: the agent may ask for them, the gateway's executor serves them
	Policy  string   // Cedar about them; "" for none
}

// World is a zone on an embedded broker. All of its parts run but what the test
// itself makes.
type World struct {
	Fabric *fabric.Fabric
	Zone   *zone.Zone
	Desk   *desk.Desk
	Agent  *agent.Agent
}

// New starts a zone, and waits until it can act. It ends with the test.
func New(t testing.TB, s Source) *World {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: s.tree(t),
	})
	must(t, err)
	w := &World{Fabric: f, Desk: &desk.Desk{}}
	w.Zone, err = zone.Open(t.Context(), zone.Config{Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: w.handlers})
	must(t, err)
	t.Cleanup(w.Zone.Close)
	must(t, w.Zone.StartAll(t.Context()))
	must(t, w.Zone.Start(t.Context(), pb.Role_ROLE_EXECUTOR, ExecutorName))
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	must(t, w.Zone.Ready(ctx))
	a, conn, err := w.Zone.Agent(t.Context(), AgentName)
	must(t, err)
	w.Agent = a
	t.Cleanup(conn.Close)
	t.Cleanup(a.Close)
	return w
}

// Approve approves the waiting intent whose digest begins so.
func (w *World) Approve(t testing.TB, intent string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	build, err := fabric.BuildDigest()
	must(t, err)
	a, err := zone.AnswerAs(ctx, w.Fabric, w.Zone.Broker(), ApproverName, build, slog.New(slog.DiscardHandler))
	must(t, err)
	defer a.Close()
	_, err = a.Answer(ctx, intent, true, "")
	must(t, err)
}

// Halt halts the zone.
func (w *World) Halt(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	g, err := zone.Govern(ctx, w.Fabric, w.Zone.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer g.Close()
	_, _, err = g.Halt(ctx, &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, "a test")
	must(t, err)
}

// handlers serves the gateway's executor from the desk; what others serve does
// nothing.
func (w *World) handlers(name string, tools []string) (map[string]executor.Handler, error) {
	if name == ExecutorName {
		return w.Desk.Handlers(name, tools)
	}
	handlers := map[string]executor.Handler{}
	for _, tool := range tools {
		handlers[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	}
	return handlers, nil
}

func (s Source) tree(t testing.TB) fs.FS {
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
	files["tools.yaml"].Data = append(files["tools.yaml"].Data, "\n"+s.Entries...)
	names := strings.Join(slices.Sorted(slices.Values(s.Tools)), ", ")
	directory := strings.Replace(string(files["directory.yaml"].Data), "http-get, transfer]", "http-get, transfer, "+names+"]", 1)
	files["directory.yaml"].Data = fmt.Appendf([]byte(directory), "  - {name: %s, role: executor, gateway: true, tools: [%s]}\n  - {name: %s, role: approver, tools: [%s]}\n", ExecutorName, names, ApproverName, names)
	if s.Policy != "" {
		files["policies/gateway.cedar"] = &fstest.MapFile{Data: []byte(s.Policy), Mode: 0o600}
	}
	return files
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
