package zone_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// live is a whole zone with real services on an embedded server.
type live struct {
	*zone.Zone
	t      *testing.T
	fabric *fabric.Fabric
	config zone.Config
}

// liveOf starts everybody of a fabric whose release is the template with the
// given replacements (old, new, old, new, …) in release.yaml.
func liveOf(t *testing.T, handler executor.HandlerFunc, replace ...string) *live {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: edited(t, replace...),
	})
	must(t, err)
	w := &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(handler),
	}}
	w.open()
	return w
}

// handlersOf serves every tool with one handler.
func handlersOf(handler executor.HandlerFunc) func(string, []string) (map[string]executor.Handler, error) {
	return func(_ string, tools []string) (map[string]executor.Handler, error) {
		handlers := make(map[string]executor.Handler)
		for _, tool := range tools {
			handlers[tool] = handler
		}
		return handlers, nil
	}
}

// nothing is a handler that does nothing and succeeds.
func nothing(context.Context, executor.Action) (executor.Result, error) {
	return executor.Result{}, nil
}

func (w *live) open() {
	w.t.Helper()
	z, err := zone.Open(w.t.Context(), w.config)
	must(w.t, err)
	w.Zone = z
	w.t.Cleanup(z.Close)
	must(w.t, z.StartAll(w.t.Context()))
	w.ready()
}

func (w *live) ready() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	must(w.t, w.Ready(ctx))
}

func (w *live) agent(name string) *agent.Agent {
	w.t.Helper()
	a, conn, err := w.Agent(w.t.Context(), name)
	must(w.t, err)
	w.t.Cleanup(conn.Close)
	w.t.Cleanup(a.Close)
	return a
}

// govern appends a record signed by all governors.
func (w *live) govern(record *pb.Governance) {
	w.t.Helper()
	data, err := w.fabric.SignGovernance(record)
	must(w.t, err)
	names, err := w.fabric.Governors()
	must(w.t, err)
	governor, err := w.fabric.Governor(names[0])
	must(w.t, err)
	conn, err := w.Broker().ConnectGovernor(w.t.Context(), governor, slog.New(slog.DiscardHandler))
	must(w.t, err)
	defer conn.Close()
	_, err = conn.Append(w.t.Context(), schemas.Subject(w.fabric.Zone, schemas.KindGovernance, ""), data)
	must(w.t, err)
}

func halt(kind pb.ScopeKind, value string) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: &pb.Scope{Kind: kind, Value: value}, Reason: "test"}}}
}

// edited is the template with replacements in release.yaml, each of which must
// be found.
func edited(t *testing.T, replace ...string) fs.FS {
	t.Helper()
	tree, err := fabric.Template()
	must(t, err)
	copied := fstest.MapFS{}
	must(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		copied[name] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	}))
	text := string(copied["release.yaml"].Data)
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("release.yaml has no %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	copied["release.yaml"].Data = []byte(text)
	return copied
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(timeout time.Duration) agent.Request {
	return agent.Request{Tool: "file-read", Resource: "notes.txt", Arguments: json.RawMessage(`{"path":"notes.txt"}`), Timeout: timeout}
}

func notExecuted(t *testing.T, err error, status pb.Status, reason pb.Reason) {
	t.Helper()
	var got *agent.NotExecuted
	if !errors.As(err, &got) || got.Status != status || got.Reason != reason {
		t.Fatalf("got %v, want %v for %s", err, status, schemas.ReasonCode(reason))
	}
}

func TestHaltInterruptsARunningAction(t *testing.T) {
	started := make(chan struct{}, 1)
	w := liveOf(t, func(ctx context.Context, _ executor.Action) (executor.Result, error) {
		started <- struct{}{}
		<-ctx.Done()
		return executor.Result{}, context.Cause(ctx)
	})
	a := w.agent("scout")
	failed := make(chan error, 1)
	go func() {
		_, err := a.Propose(t.Context(), readFile(30*time.Second))
		failed <- err
	}()
	<-started
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "file-read"))
	notExecuted(t, <-failed, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED)

	_, err := a.Propose(t.Context(), readFile(5*time.Second))
	var refused *agent.Refused
	if !errors.As(err, &refused) || len(refused.Reasons) != 1 || refused.Reasons[0] != pb.Reason_REASON_HALTED {
		t.Fatalf("under the halt: got %v, want a refusal for halted alone", err)
	}
}

func TestDeadlineInterruptsARunningAction(t *testing.T) {
	w := liveOf(t, func(ctx context.Context, _ executor.Action) (executor.Result, error) {
		<-ctx.Done()
		return executor.Result{}, context.Cause(ctx)
	})
	_, err := w.agent("scout").Propose(t.Context(), readFile(2*time.Second))
	notExecuted(t, err, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_DEADLINE)
}

func TestAHandlerThatFailsOrPanicsIsReported(t *testing.T) {
	w := liveOf(t, func(_ context.Context, a executor.Action) (executor.Result, error) {
		if a.Intent.GetResource() == "notes.txt" {
			panic("boom")
		}
		return executor.Result{}, errors.New("no such thing")
	})
	a := w.agent("scout")
	_, err := a.Propose(t.Context(), readFile(20*time.Second))
	notExecuted(t, err, pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_UNCERTAIN)
	_, err = a.Propose(t.Context(), agent.Request{Tool: "file-read", Resource: "other.txt", Arguments: json.RawMessage(`{"path":"other.txt"}`), Timeout: 20 * time.Second})
	notExecuted(t, err, pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED)
}

// TestAStartBoundThatPassedAbandons: with a bound that no claim can meet, every
// valid claim is abandoned and nothing starts (S3).
func TestAStartBoundThatPassedAbandons(t *testing.T) {
	var acts atomic.Int64
	w := liveOf(t, func(context.Context, executor.Action) (executor.Result, error) {
		acts.Add(1)
		return executor.Result{}, nil
	}, "start: 250ms", "start: 1us")
	_, err := w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	notExecuted(t, err, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)
	if acts.Load() != 0 {
		t.Fatalf("%d actions started after the bound", acts.Load())
	}
}

// TestABurstOfOneSessionIsDecidedInOrder proposes concurrently in one session
// and in many; each action happens once.
func TestABurstIsExecutedOnceEach(t *testing.T) {
	var mu sync.Mutex
	acts := map[string]int{}
	w := liveOf(t, func(_ context.Context, a executor.Action) (executor.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		acts[a.Digest.String()]++
		return executor.Result{Data: []byte(a.Intent.GetSession())}, nil
	}, "start: 250ms", "start: 20s")
	a := w.agent("scout")
	other, err := a.NewSession()
	must(t, err)
	const n = 150
	var wg sync.WaitGroup
	for range n {
		for _, propose := range []func(context.Context, agent.Request) (*agent.Outcome, error){a.Propose, other.Propose} {
			wg.Go(func() {
				if _, err := propose(t.Context(), readFile(40*time.Second)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if len(acts) != 2*n {
		t.Errorf("%d distinct actions, want %d", len(acts), 2*n)
	}
	for digest, times := range acts {
		if times != 1 {
			t.Errorf("intent %s acted upon %d times", digest, times)
		}
	}
}

func TestAFullLedgerDeniesAndSaysSo(t *testing.T) {
	w := liveOf(t, nothing)
	w.Close()
	w.config.LedgerBytes = 64 << 10
	if _, err := zone.Open(t.Context(), w.config); err == nil {
		t.Fatal("a ledger with another bound than before was accepted")
	}

	f, err := fabric.Create(filepath.Join(t.TempDir(), "small"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	w.fabric, w.config.Fabric = f, f
	w.open()
	a := w.agent("scout")
	for range 200 {
		if _, err = a.Propose(t.Context(), readFile(3*time.Second)); err != nil {
			break
		}
	}
	if !errors.Is(err, agent.ErrNotSent) && !errors.Is(err, agent.ErrUnanswered) {
		t.Fatalf("on a full ledger: got %v, want not sent or unanswered", err)
	}
	_, err = a.Propose(t.Context(), readFile(3*time.Second))
	if !errors.Is(err, agent.ErrNotSent) || !strings.Contains(err.Error(), "maximum bytes") {
		t.Fatalf("on a full ledger: got %v, want a refusal that names it", err)
	}
}

// TestARestartedBrokerIsFollowedOn: members reconnect, disarm meanwhile, and go
// on where they were.
func TestARestartedZoneGoesOn(t *testing.T) {
	w := liveOf(t, nothing)
	_, err := w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	w.Close()
	w.open()
	_, err = w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
}

func TestAnotherFabricsLedgerIsRefused(t *testing.T) {
	w := liveOf(t, nothing)
	other, err := fabric.Create(filepath.Join(t.TempDir(), "other"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	names, err := w.fabric.Governors()
	must(t, err)
	governor, err := w.fabric.Governor(names[0])
	must(t, err)
	conn, err := w.Broker().ConnectGovernor(t.Context(), governor, slog.New(slog.DiscardHandler))
	must(t, err)
	defer conn.Close()
	if err := zone.Append(t.Context(), other, conn); !errors.Is(err, zone.ErrForeignLedger) {
		t.Fatalf("got %v, want ErrForeignLedger", err)
	}
}

// TestWithoutSyncNothingArms: a server that does not sync, under a release that
// does not say that records may be lost.
func TestWithoutSyncNothingArms(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	participants, err := zone.Participants(f)
	must(t, err)
	server, err := streams.StartServer(streams.ServerConfig{
		StoreDir: f.ServerDir(), Port: -1, Durability: streams.RelaxedSyncMayLoseRecords,
		Zones: []streams.ZoneConfig{{Zone: f.Zone}}, Participants: participants,
	})
	must(t, err)
	defer server.Shutdown()
	log := slog.New(slog.DiscardHandler)
	must(t, zone.Found(t.Context(), f, zone.Broker{Server: server}, log))
	m, err := f.Load(pb.Role_ROLE_SENTINEL, "s1", [32]byte{})
	must(t, err)
	conn, err := zone.Broker{Server: server}.Connect(t.Context(), m, log)
	must(t, err)
	defer conn.Close()
	s, err := zone.Sentinel(conn, m, zone.Program{}, log)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	const why = "the server does not sync always"
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.Status().Silent, why); {
		if time.Now().After(deadline) {
			t.Fatalf("silent because %q, want %q", s.Status().Silent, why)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := s.Status().Pulses; n != 0 {
		t.Fatalf("%d pulses on a server that does not sync", n)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestQuorumOfTwoOfThree runs three enforcers of which two must agree, and stops
// them one by one.
func TestQuorumOfTwoOfThree(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Enforcers: 3, K: 2, Executors: 2,
	})
	must(t, err)
	w := &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1,
		Handlers: func(name string, tools []string) (map[string]executor.Handler, error) {
			handlers := make(map[string]executor.Handler)
			for _, tool := range tools {
				handlers[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) {
					return executor.Result{Data: []byte(name)}, nil
				})
			}
			return handlers, nil
		},
	}}
	w.open()
	a := w.agent("scout")
	served := map[string]int{}
	for range 20 {
		out, err := a.Propose(t.Context(), readFile(20*time.Second))
		must(t, err)
		served[string(out.Result)]++
	}
	if len(served) != 2 {
		t.Errorf("rendezvous gave everything to one executor: %v", served)
	}
	w.Stop(pb.Role_ROLE_ENFORCER, "e1") // the third steps in
	_, err = a.Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	w.Stop(pb.Role_ROLE_ENFORCER, "e2") // one is not two
	if _, err = a.Propose(t.Context(), readFile(2*time.Second)); !errors.Is(err, agent.ErrUnanswered) {
		t.Fatalf("with one enforcer of two: got %v, want no answer", err)
	}
	must(t, w.Start(t.Context(), pb.Role_ROLE_ENFORCER, "e1"))
	w.ready()
	_, err = a.Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	w.Stop(pb.Role_ROLE_EXECUTOR, "x1") // the other takes all
	for i := range 5 {
		out, err := a.Propose(t.Context(), readFile(20*time.Second))
		must(t, err)
		if string(out.Result) != "x2" {
			t.Fatal(fmt.Errorf("action %d was done by %s", i, out.Result))
		}
	}
}

// TestAGuestIsRefusedWithTheReason: what the directory does not grant is refused
// before any policy is asked to grant it.
func TestAGuestIsRefusedWithTheReason(t *testing.T) {
	w := liveOf(t, nothing)
	_, err := w.agent("mallory").Propose(t.Context(), agent.Request{
		Tool: "transfer", Resource: "mallory", Arguments: json.RawMessage(`{"to":"mallory","amount":1,"currency":"EUR"}`), Timeout: 20 * time.Second,
	})
	var refused *agent.Refused
	if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, pb.Reason_REASON_TOOL_FORBIDDEN) || refused.DecidedAt.Seq == 0 {
		t.Fatalf("got %v, want a refusal for tool.forbidden at a position", err)
	}
}
