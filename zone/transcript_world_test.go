package zone_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// patience bounds every wait; only a broken zone reaches it.
const patience = 60 * time.Second

// stage is the zone that a script plays in.
type stage struct {
	t      *testing.T
	where  string // in the script
	fabric *fabric.Fabric
	zone   *zone.Zone

	pulseLimit time.Duration
	running    map[string]bool
	agents     map[string]*agent.Agent
	conns      map[string]*streams.Conn
	members    map[string]*fabric.Member
	intents    map[string]*handmade
	sessions   map[string]*handmade // newest by hand of each agent and session

	mu      sync.Mutex
	changed chan struct{}     // closed and replaced when something below changes
	seen    uint64            // the watcher's position
	head    governance.Head   // there
	lines   []transcript.Line // of the whole ledger
	raws    map[uint64][]byte // message bytes by sequence
	acts    []act
	aside   []string // what else is told with the next block
	stories []transcript.Story

	golden golden
}

// act is one call of a handler.
type act struct {
	executor string
	action   executor.Action
}

// fabricParams are the keys of the directive "fabric".
func fabricParams(w *stage, o map[string]string) fabric.Params {
	w.pulseLimit = w.duration(o["pulse_limit"], 30*time.Second)
	return fabric.Params{
		Clock: time.Now, TrustDomain: "golden.test", Zone: "home",
		Recorders: fabric.NoRecorders, // stories of how actions are decided and carried out
		Enforcers: w.number(o["enforcers"], 1), Executors: w.number(o["executors"], 1), K: w.number(o["k"], 1),
		Release: withDrift(o["drift"], withApprovers(w.number(o["approvers"], 0), release(w.t, map[string]string{
			"start":          "30s", // generous: a slow machine must not decide how a story ends
			"max_clock_skew": "30s",
			"pulse_limit":    w.pulseLimit.String(),
			"pulse_interval": "100ms",
			"hedge":          w.duration(o["hedge"], 2*time.Second).String(),
		}))),
	}
}

// withDrift lets every drift rule only warn where a script says drift=warn: it
// shows what else stands between a corrupted participant and its aim.
func withDrift(how string, tree fstest.MapFS) fstest.MapFS {
	if how != "warn" {
		return tree
	}
	text := append(tree["release.yaml"].Data, "\ndrift:\n"...)
	for _, rule := range schemas.DriftRules() {
		text = fmt.Appendf(text, "  - {rule: %s, warn_only: true}\n", rule.Name)
	}
	tree["release.yaml"].Data = text
	return tree
}

// withApprovers adds approvers p1 and so on, who may answer for transfers, and a
// policy that asks two of them about large ones.
func withApprovers(n int, tree fstest.MapFS) fstest.MapFS {
	if n == 0 {
		return tree
	}
	for i := range n {
		entry := fmt.Sprintf("  - name: p%d\n    role: approver\n    tools: [transfer]\n", i+1)
		tree["directory.yaml"].Data = append(tree["directory.yaml"].Data, entry...)
	}
	tree["policies/approvals.cedar"] = &fstest.MapFile{Data: []byte(`
		@id("large-transfers") @approvals("2")
		permit (principal in Group::"staff", action == Action::"transfer", resource is Account)
		when { context.arguments.amount <= 5000 };`)}
	return tree
}

// release is the template's release with other bounds.
func release(t *testing.T, bounds map[string]string) fstest.MapFS {
	template, err := fabric.Template()
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	err = fs.WalkDir(template, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(template, name)
		tree[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(tree["release.yaml"].Data), "\n")
	for key, value := range bounds {
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "  "+key+":") })
		if i < 0 {
			t.Fatalf("the template has no bound %q", key)
		}
		lines[i] = "  " + key + ": " + value
	}
	tree["release.yaml"].Data = []byte(strings.Join(lines, "\n"))
	return tree
}

// open makes and opens the zone and follows its ledger. Nobody is started.
func (w *stage) open(words []string) {
	pairs := make([]string, len(words))
	for i, word := range words {
		pairs[i] = "@" + word
	}
	_, o := options(pairs)
	w.running, w.agents, w.conns = map[string]bool{}, map[string]*agent.Agent{}, map[string]*streams.Conn{}
	w.members, w.intents, w.sessions = map[string]*fabric.Member{}, map[string]*handmade{}, map[string]*handmade{}
	w.changed, w.raws = make(chan struct{}), map[uint64][]byte{}
	var err error
	w.fabric, err = fabric.Create(filepath.Join(w.t.TempDir(), "fabric"), fabricParams(w, o))
	w.must(err)
	w.zone, err = zone.Open(w.t.Context(), zone.Config{
		Fabric: w.fabric, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: w.handlers,
	})
	w.must(err)
	w.t.Cleanup(w.zone.Close)
	w.watch()
}

func (w *stage) handlers(name string, tools []string) (map[string]executor.Handler, error) {
	all := make(map[string]executor.Handler)
	for _, tool := range tools {
		all[tool] = executor.HandlerFunc(func(ctx context.Context, a executor.Action) (executor.Result, error) {
			w.change(func() { w.acts = append(w.acts, act{name, a}) })
			switch a.Intent.GetResource() {
			case "public/slow.txt": // works until it is told to stop
				<-ctx.Done()
				return executor.Result{}, context.Cause(ctx)
			case "public/broken.txt":
				return executor.Result{}, errors.New("the disk is on fire")
			default:
				return executor.Result{Data: []byte("done")}, nil
			}
		})
	}
	return all, nil
}

// watch follows the ledger as the first governor, who may read everything.
func (w *stage) watch() {
	g, err := w.fabric.Governor("g1")
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	conn, err := w.zone.Broker().ConnectGovernor(w.t.Context(), g, log)
	w.must(err)
	w.conns["g1"] = conn
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the watcher stopped: %v", err)
		}
		for _, conn := range w.conns {
			conn.Close()
		}
	})
	teller := transcript.NewTeller()
	prepare := func(p *ledger.Parsed) transcript.Ahead {
		w.change(func() { w.raws[p.Seq] = p.Data })
		return transcript.Prepare(p)
	}
	go func() {
		done <- feed.Run(ctx, feed.Config{
			Conn: conn, Zone: w.fabric.Zone, Ledger: w.fabric.Ledger, Keys: ledger.NewKeys(), Logger: log,
		}, prepare, func(f *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
			lines := teller.Tell(f, ev)
			w.change(func() { w.seen, w.head, w.lines = ev.Seq, f.Governance().Head(), append(w.lines, lines...) })
			return nil
		})
	}()
}

func (w *stage) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits until a condition holds; it is asked with mu held.
func (w *stage) until(what string, holds func() bool) {
	w.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		w.mu.Lock()
		ok, changed := holds(), w.changed
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			w.t.Fatalf("%s: no %s; not ready: %q; the ledger:\n%s", w.where, what, w.zone.NotReady(), w.dump())
		}
	}
}

func (w *stage) dump() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, l := range w.lines {
		if l.Pulse == nil {
			fmt.Fprintln(&b, l)
		}
	}
	return b.String()
}

// start starts services and waits until each has introduced itself, and until
// all that can be ready are.
func (w *stage) start(names []string) {
	for _, name := range names {
		before := w.introductions(name)
		w.must(w.zone.Start(w.t.Context(), w.role(name), name))
		w.running[name] = true
		w.until("credential of "+name, func() bool { return w.introductionsLocked(name) > before })
	}
	if !w.running["s1"] {
		return // executors wait for a pulse
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	w.must(w.zone.Ready(ctx))
}

func (w *stage) stop(names []string) {
	for _, name := range names {
		w.zone.Stop(w.role(name), name)
		delete(w.running, name)
	}
}

func (w *stage) introductions(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.introductionsLocked(name)
}

// introductionsLocked counts the messages on a participant's credential subject.
func (w *stage) introductionsLocked(name string) (n int) {
	for _, l := range w.lines {
		if l.Credential != nil && l.Credential.Name == name || l.Noise != nil && l.Noise.Subject == schemas.Subject("home", schemas.KindCredential, name) {
			n++
		}
	}
	return n
}

// role finds a participant's role in the directory.
func (w *stage) role(name string) pb.Role {
	w.t.Helper()
	release, err := w.fabric.Release()
	w.must(err)
	for _, p := range release.Proto.GetDirectory() {
		if p.GetName() == name {
			return p.GetRole()
		}
	}
	w.t.Fatalf("%s: nobody is called %q", w.where, name)
	return 0
}

// member loads a participant's keys.
func (w *stage) member(name string) *fabric.Member {
	w.t.Helper()
	if m := w.members[name]; m != nil {
		return m
	}
	m, err := w.fabric.Load(w.role(name), name, trust.Digest{})
	w.must(err)
	w.members[name] = m
	return m
}

// conn is a connection of one's own, beside that of the running service.
func (w *stage) conn(name string) *streams.Conn {
	w.t.Helper()
	if c := w.conns[name]; c != nil {
		return c
	}
	c, err := w.zone.Broker().Connect(w.t.Context(), w.member(name), slog.New(slog.DiscardHandler))
	w.must(err)
	w.conns[name] = c
	return c
}
