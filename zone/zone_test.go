package zone_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

func TestSmoke(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "d"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	z, err := zone.Open(t.Context(), zone.Config{Fabric: f, Logger: log, Port: -1, Build: trust.Digest{1}, Handlers: func(_ string, tools []string) (map[string]executor.Handler, error) {
		m := map[string]executor.Handler{}
		for _, n := range tools {
			m[n] = executor.HandlerFunc(func(_ context.Context, a executor.Action) (executor.Result, error) {
				return executor.Result{Data: []byte("done " + a.Intent.GetResource())}, nil
			})
		}
		return m, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := z.StartAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := z.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	a, conn, err := z.Agent(ctx, "scout")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer a.Close()
	for range 5 {
		start := time.Now()
		out, err := a.Propose(ctx, agent.Request{Tool: "file-read", Resource: "notes.txt", Arguments: json.RawMessage(`{"path":"notes.txt"}`)})
		t.Log(out, err, time.Since(start))
	}
	out, err := a.Propose(ctx, agent.Request{Tool: "transfer", Resource: "bob", Arguments: json.RawMessage(`{"to":"bob","amount":5000,"currency":"EUR"}`)})
	t.Log(out, err)
}
