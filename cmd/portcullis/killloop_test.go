package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/story/process"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

var rounds = flag.Int("rounds", 5, "rounds of TestKillLoop")

// TestKillLoop kills real processes at random moments, again and again, while
// agents act. At the end no acknowledged record is lost, no action happened
// twice (S2), every valid claim has exactly one outcome, and what the recorder
// signed is the ledger (S6).
func TestKillLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	l := newKillLoop(t)
	l.startAll()
	working, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for worker := range killLoopWorkers {
		work.Go(func() { l.act(working, worker) })
	}
	work.Go(func() { l.append(working) })
	l.awaitProgress()
	for round := range *rounds {
		l.round(round)
	}
	stop()
	work.Wait()
	l.check()
	l.checkEvidence()
}

const (
	killLoopWorkers  = 4
	killLoopTimeout  = 2 * time.Second  // of each intent
	killLoopPatience = 60 * time.Second // for anything that must happen; generous, for slow machines
)

// killLoop is a zone of processes, and what agents know of what they asked for.
type killLoop struct {
	t      *testing.T
	fabric *fabric.Fabric
	port   string
	broker zone.Broker
	random *rand.Rand
	scout  *agent.Agent
	stray  *streams.Conn
	reader *streams.Conn

	parts    map[string]*process.Process
	recorded string // the recorder's folder, as this process reaches it
	held     uint64 // records that the recorder's tree covered when it was looked at last

	mu       sync.Mutex
	executed map[string]*agent.Outcome // by the line that the action writes
	acked    map[uint64]trust.Digest   // records that the broker acknowledged to the test itself
	more     chan struct{}             // capacity 1: executed has grown
}

func newKillLoop(t *testing.T) *killLoop {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := &killLoop{
		t: t, fabric: killLoopFabric(t), port: freePort(t), random: rand.New(rand.NewPCG(seed, 0)),
		parts: map[string]*process.Process{}, executed: map[string]*agent.Outcome{}, acked: map[uint64]trust.Digest{}, more: make(chan struct{}, 1),
	}
	l.broker = zone.Broker{URL: "nats://127.0.0.1:" + l.port}
	l.recorded = l.fabric.RecorderDir("r1")
	t.Cleanup(func() {
		for name, p := range l.parts {
			p.Kill()
			if t.Failed() {
				t.Logf("%s: %s", name, p.Log())
			}
		}
	})
	return l
}

// killLoopFabric is a new fabric with a recorder, and an auditor as whom the test
// reads. It has no limits, which would only slow this down, and silence halts
// nothing: on a slow machine a part that was killed is away for long.
func killLoopFabric(t *testing.T) *fabric.Fabric {
	release := templateOf(t, "release.yaml", "directory.yaml", "tools.yaml", "policies/files.cedar")
	release["limits.yaml"] = &fstest.MapFile{Data: []byte("limits: []\n")}
	extend(release, "release.yaml", "drift: [{rule: heartbeat.missing, warn_only: true}]\n")
	extend(release, "directory.yaml", "  - {name: a1, role: auditor}\n")
	f := createFabric(t, filepath.Join(t.TempDir(), "data"), release, func(p *fabric.Params) { p.Recorders = 1 })
	must(t, os.MkdirAll(filepath.Join(f.FilesDir(), "out"), 0o700))
	return f
}

// templateOf is a part of the default release's source, to be changed.
func templateOf(t *testing.T, names ...string) fstest.MapFS {
	t.Helper()
	template, err := fabric.Template()
	must(t, err)
	release := fstest.MapFS{}
	for _, name := range names {
		data, err := fs.ReadFile(template, name)
		must(t, err)
		release[name] = &fstest.MapFile{Data: data}
	}
	return release
}

// extend adds lines to the end of a release's file.
func extend(release fstest.MapFS, name, lines string) {
	release[name].Data = append(slices.Clip(release[name].Data), "\n"+lines...)
}

// createFabric makes a fabric with a release of one's own, and without a recorder
// unless it is changed.
func createFabric(t *testing.T, dir string, release fs.FS, change ...func(*fabric.Params)) *fabric.Fabric {
	t.Helper()
	p := fabric.Params{TrustDomain: "test.portcullis", Zone: "home", Clock: time.Now, Release: release, Recorders: fabric.NoRecorders}
	for _, c := range change {
		c(&p)
	}
	f, err := fabric.Create(dir, p)
	must(t, err)
	must(t, zone.EnsureTools(f, freeAddress(t)))
	return f
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	return port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var killLoopParts = []string{"server", "enforcer", "executor", "sentinel", "recorder"}

// killLoopNames are the parts' names in the directory; the server has none.
var killLoopNames = map[string][]string{"enforcer": {"e1"}, "executor": {"x1"}, "sentinel": {"s1"}, "recorder": {"r1"}}

// start starts one part; ready says whether to wait until it can do its work.
func (l *killLoop) start(part string) {
	l.t.Helper()
	arguments := []string{"--json", "--log-level", "info", "--data", l.fabric.Dir, "--server", l.broker.URL, part}
	arguments = append(arguments, killLoopNames[part]...)
	if part == "server" {
		arguments = append(arguments, "--port", l.port)
	}
	executable, err := os.Executable()
	must(l.t, err)
	ctx, cancel := context.WithTimeout(l.t.Context(), killLoopPatience)
	defer cancel()
	p, err := process.Start(ctx, part, executable, arguments...)
	must(l.t, err)
	l.parts[part] = p
}

func (l *killLoop) startAll() {
	// Nobody pulses before the recorder is heard, for it is required.
	l.startParts("server", "recorder", "sentinel", "enforcer", "executor")
	l.connect()
}

// round kills one part at a random moment and starts it again. The first rounds
// take each part once; then any may be next.
func (l *killLoop) round(n int) {
	part := killLoopParts[l.random.IntN(len(killLoopParts))]
	if n < len(killLoopParts) {
		part = killLoopParts[n]
	}
	// The wait is the experiment: the moment must have nothing to do with what runs.
	time.Sleep(time.Duration(l.random.Int64N(int64(700 * time.Millisecond))))
	l.parts[part].Kill()
	l.t.Logf("round %d: killed %s", n, part)
	if part == "recorder" {
		l.checkDisk()
	}
	l.start(part)
	l.awaitProgress()
}

// awaitProgress waits until something more is executed (L1).
func (l *killLoop) awaitProgress() {
	l.t.Helper()
	select { // what was executed before does not count
	case <-l.more:
	default:
	}
	select {
	case <-l.more:
	case <-time.After(killLoopPatience):
		l.t.Fatalf("nothing was executed for %v", killLoopPatience)
	}
}

// act proposes one append after the other, each with a line of its own.
func (l *killLoop) act(ctx context.Context, worker int) {
	var session *agent.Session
	file := fmt.Sprintf("out/%d.txt", worker)
	for n := 0; ctx.Err() == nil; n++ {
		if session == nil {
			var err error
			if session, err = l.scout.NewSession(); err != nil {
				l.t.Error(err)
				return
			}
		}
		line := fmt.Sprintf("w%d-%d", worker, n)
		arguments, err := json.Marshal(map[string]string{"path": file, "content": line + "\n", "mode": "append"})
		if err != nil {
			l.t.Error(err)
			return
		}
		// Its deadline ends it, not ctx: what was asked for is seen to its end.
		out, err := session.Propose(context.WithoutCancel(ctx), agent.Request{
			Tool: "file-write", Resource: file, Arguments: arguments, Timeout: killLoopTimeout,
		})
		var not *agent.NotExecuted
		switch {
		case err == nil:
			l.done(line, out)
		case errors.As(err, &not), errors.Is(err, agent.ErrRefused):
		default:
			session = nil // it may have a gap now
		}
	}
}

func (l *killLoop) done(line string, out *agent.Outcome) {
	l.mu.Lock()
	l.executed[line] = out
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// append appends numbered noise and remembers what the broker acknowledged.
func (l *killLoop) append(ctx context.Context) {
	subject := schemas.Subject(l.fabric.Zone, schemas.KindIntent, "mallory")
	for n := 0; ctx.Err() == nil; n++ {
		data := fmt.Appendf(nil, "not an envelope, number %d", n)
		seq, err := l.stray.Append(ctx, subject, data)
		if err == nil {
			l.mu.Lock()
			l.acked[seq] = trust.DigestOf(data)
			l.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // leave the disk to the others
		}
	}
}

// audit is what the whole ledger says, folded from its first record.
type audit struct {
	records  map[uint64]trust.Digest
	claims   map[trust.Digest]ledger.Position                 // valid ones, by intent
	outcomes map[ledger.Position]map[trust.Digest]*pb.Outcome // distinct ones, by claim
	at       map[ledger.Position]*pb.Outcome
	lines    map[trust.Digest]string // what an intent writes
}

// read reads the whole ledger; a hole in it is an error.
func (l *killLoop) read(ctx context.Context) (*audit, error) {
	a := &audit{
		records: map[uint64]trust.Digest{}, claims: map[trust.Digest]ledger.Position{}, lines: map[trust.Digest]string{},
		outcomes: map[ledger.Position]map[trust.Digest]*pb.Outcome{}, at: map[ledger.Position]*pb.Outcome{},
	}
	keys := ledger.NewKeys()
	parser := ledger.Parser{Zone: l.fabric.Zone, Keys: keys}
	fold := ledger.NewFold(l.fabric.Ledger, keys)
	book := permit.NewBook(permit.Owner{})
	_, err := streams.Read(ctx, l.reader, streams.ReadConfig{}, func(raw streams.Raw) error {
		a.records[raw.Seq] = trust.DigestOf(raw.Data)
		rec, err := fold.Step(parser.Parse(feed.Raw(raw)))
		if err != nil {
			return nil //nolint:nilerr // noise counts for nothing
		}
		for i, item := range rec.Items {
			a.item(fold, book, rec, ledger.Position{Seq: raw.Seq, Index: uint32(i)}, item)
		}
		return nil
	})
	return a, err
}

func (a *audit) item(fold *ledger.Fold, book *permit.Book, rec ledger.Record, at ledger.Position, item ledger.Item) {
	switch rec.Kind {
	case schemas.KindIntent:
		in := new(pb.Intent)
		var arguments struct{ Content string }
		if schemas.Decode(item.Bytes, schemas.MaxIntent, in) == nil && json.Unmarshal(in.GetArguments(), &arguments) == nil {
			a.lines[item.Digest] = strings.TrimSpace(arguments.Content)
		}
	case schemas.KindDecision:
		book.Decide(fold, rec.Token, rec.Signer.ID, item, permit.ReadDecision(item.Bytes))
	case schemas.KindClaim:
		if r := book.Claim(fold, rec.Token, rec.Signer.ID, at, item); r.Valid() {
			a.claims[r.Intent] = at
		}
	case schemas.KindOutcome:
		o := new(pb.Outcome)
		if schemas.Decode(item.Bytes, schemas.MaxItem, o) != nil {
			return
		}
		a.at[at] = o
		claim := ledger.PositionOf(o.GetClaim())
		if a.outcomes[claim] == nil {
			a.outcomes[claim] = map[trust.Digest]*pb.Outcome{}
		}
		a.outcomes[claim][item.Digest] = o
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindGovernance, schemas.KindApproval, schemas.KindPulse,
		schemas.KindHeartbeat, schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
}

// settled reads the ledger until every valid claim has an outcome.
func (l *killLoop) settled() *audit {
	ctx, cancel := context.WithTimeout(l.t.Context(), killLoopPatience)
	defer cancel()
	for {
		a, err := l.read(ctx)
		must(l.t, err)
		open := 0
		for _, claim := range a.claims {
			if len(a.outcomes[claim]) == 0 {
				open++
			}
		}
		if open == 0 {
			return a
		}
		select {
		case <-ctx.Done():
			l.t.Fatalf("%d valid claims have no outcome", open)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (l *killLoop) check() {
	a := l.settled()
	written := l.written()
	for seq, want := range l.acked {
		if a.records[seq] != want {
			l.t.Errorf("the record that was acknowledged at %d is not there", seq)
		}
	}
	for line, out := range l.executed {
		if o := a.at[out.At]; !bytes.Equal(o.GetIntentDigest(), out.Intent[:]) || o.GetStatus() != pb.Status_STATUS_EXECUTED {
			l.t.Errorf("%s: the outcome that the agent was told of is not at %s", line, out.At)
		}
	}
	status := map[pb.Status]int{}
	allowed := map[string]bool{}
	for intent, claim := range a.claims {
		allowed[a.lines[intent]] = true
		if n := len(a.outcomes[claim]); n != 1 {
			l.t.Errorf("%s: the claim at %s has %d different outcomes", a.lines[intent], claim, n)
		}
		for _, o := range a.outcomes[claim] {
			status[o.GetStatus()]++
			if o.GetStatus() == pb.Status_STATUS_EXECUTED && written[a.lines[intent]] != 1 {
				l.t.Errorf("%s: EXECUTED, and written %d times", a.lines[intent], written[a.lines[intent]])
			}
		}
	}
	for line, times := range written {
		if times > 1 || !allowed[line] {
			l.t.Errorf("%s was written %d times; has it a valid claim? %t", line, times, allowed[line])
		}
	}
	l.t.Logf("%d records, %d of the test's own acknowledged, %d lines, outcomes %v", len(a.records), len(l.acked), len(written), status)
}

// written counts each line in the files.
func (l *killLoop) written() map[string]int {
	counts := map[string]int{}
	for worker := range killLoopWorkers {
		data, err := os.ReadFile(filepath.Join(l.fabric.FilesDir(), "out", fmt.Sprintf("%d.txt", worker)))
		if !errors.Is(err, fs.ErrNotExist) { // nothing of this worker was executed: what was is compared elsewhere
			must(l.t, err)
		}
		for line := range strings.Lines(string(data)) {
			counts[strings.TrimSpace(line)]++
		}
	}
	return counts
}
