package zone_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// drifting is a zone with two of each service, of which a test starts those that
// shall be honest and plays the others itself.
type drifting struct {
	*live
	gov      *zone.Governing
	observer *zone.Observer
	scout    *agent.Agent
	hangs    atomic.Pointer[chan struct{}] // actions wait for it, whatever their contexts say
}

func (w *drifting) handle(context.Context, executor.Action) (executor.Result, error) {
	if letGo := w.hangs.Load(); letGo != nil {
		<-*letGo
	}
	return executor.Result{}, nil
}

// hang has actions wait until a channel is closed.
func (w *drifting) hang(letGo chan struct{}) { w.hangs.Store(&letGo) }

// theBuild is what every credential of a drifting zone is for.
var theBuild = trust.DigestOf([]byte("the build of these tests"))

// driftingZone opens a zone, puts a changed release in force and starts some of
// its services ("e1", "x1" and so on). Nobody is ready yet.
func driftingZone(t *testing.T, change func(*pb.Release), start ...string) *drifting {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Enforcers: 2, Executors: 2, Sentinels: 2, Recorders: fabric.NoRecorders,
		Durability: pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS,
	})
	must(t, err)
	w := new(drifting)
	w.live = &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(w.handle), Build: theBuild,
	}}
	w.Zone, err = zone.Open(t.Context(), w.config)
	must(t, err)
	t.Cleanup(w.Close)
	w.gov, w.observer = w.governing()
	w.release(slowMachine, change)
	w.start(start...)
	return w
}

// slowMachine gives claims and pulses time that a busy machine may take.
func slowMachine(r *pb.Release) {
	r.Bounds.Start, r.Bounds.PulseLimit = durationpb.New(20*time.Second), durationpb.New(10*time.Second)
}

// release puts a next version of the release in force.
func (w *drifting) release(changes ...func(*pb.Release)) {
	w.t.Helper()
	must(w.t, w.observer.Ready(w.within(patience)))
	in := w.observer.Release()
	next := proto.CloneOf(in.Proto)
	next.Version, next.Replaces = next.GetVersion()+1, in.Digest[:]
	for _, change := range changes {
		change(next)
	}
	w.send(w.gov, &pb.Governance{Record: &pb.Governance_Release{Release: next}})
	w.until("the release is in force", func() bool { return w.observer.Release().Proto.GetVersion() == next.GetVersion() })
}

// rule sets one drift rule of a release.
func rule(name string, change func(*pb.DriftRule)) func(*pb.Release) {
	return func(r *pb.Release) {
		d := &pb.DriftRule{Rule: name}
		change(d)
		r.Drift = append(r.Drift, d)
	}
}

// after has a rule trip after a time.
func after(name string, threshold time.Duration) func(*pb.Release) {
	return rule(name, func(d *pb.DriftRule) { d.Threshold = durationpb.New(threshold) })
}

func asIs(*pb.Release) {}

var rolesByLetter = map[byte]pb.Role{'e': pb.Role_ROLE_ENFORCER, 'x': pb.Role_ROLE_EXECUTOR, 's': pb.Role_ROLE_SENTINEL}

func (w *drifting) start(names ...string) {
	w.t.Helper()
	for _, name := range names {
		must(w.t, w.Start(w.t.Context(), rolesByLetter[name[0]], name))
	}
}

func (w *drifting) stop(name string) { w.Stop(rolesByLetter[name[0]], name) }

func (w *drifting) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	w.t.Fatalf("not within %v: %s; not ready: %q; halts: %v", patience, what, w.NotReady(), w.halts())
}

// look reads the fold.
func (w *drifting) look(see func(*ledger.Fold)) {
	w.t.Helper()
	if !w.observer.Look(see) {
		w.t.Fatal("nothing was read yet")
	}
}

func (w *drifting) halts() (halts []governance.Halt) {
	w.observer.Look(func(f *ledger.Fold) { halts = f.Governance().Halts() })
	return halts
}

// tripped waits for the first trip, which must be for a rule and a subject, or one
// of several ("a or b"); a SPIFFE ID is given by its name alone.
func (w *drifting) tripped(rule, subject string) []governance.Halt {
	w.t.Helper()
	w.until("a trip of "+rule, func() bool { return len(w.halts()) > 0 })
	h := w.halts()[0]
	if id, err := trust.ParseIdentity(h.Subject); err == nil {
		h.Subject = id.Name
	}
	if h.Rule != rule || subject != "" && !slices.Contains(strings.Split(subject, " or "), h.Subject) {
		w.t.Fatalf("a trip of %s for %s (%s), want %s for %s", h.Rule, h.Subject, h.Reason, rule, subject)
	}
	return w.halts()
}

func (w *drifting) resume(halts []governance.Halt) {
	w.t.Helper()
	var ids []trust.Digest
	for _, h := range halts {
		ids = append(ids, h.ID)
	}
	w.send(w.gov, zone.ResumeRecord(ids, "the test has mended it"))
}

// pulsesGoOn waits for a few pulses more: time in which a sentinel would trip.
func (w *drifting) pulsesGoOn() {
	w.t.Helper()
	for range 3 {
		var before uint64
		w.look(func(f *ledger.Fold) { before = f.Pulse().Seq })
		w.until("another pulse", func() (more bool) {
			w.look(func(f *ledger.Fold) { more = f.Pulse().Seq > before })
			return more
		})
	}
}

// acts has the agent scout do something, which must succeed.
func (w *drifting) acts() {
	w.t.Helper()
	if _, err := w.agentOf().Propose(w.t.Context(), readFile(patience/2)); err != nil {
		w.t.Fatalf("%v; halts: %+v", err, w.halts())
	}
}

func (w *drifting) agentOf() *agent.Agent {
	if w.scout == nil {
		w.scout = w.agent("scout")
	}
	return w.scout
}

// puppet is a participant that the test plays: it has the keys, and beats as it
// is told.
type puppet struct {
	w           *drifting
	m           *fabric.Member
	conn        *streams.Conn
	incarnation [16]byte
	leaves      func() // it stops beating, for good

	mu      sync.Mutex
	change  func(*pb.Heartbeat) // what makes its heartbeats differ from honest ones
	counter uint64
}

// play introduces a participant and lets it beat honestly, until the test ends.
func (w *drifting) play(name string) *puppet {
	w.t.Helper()
	m, err := w.fabric.Load(rolesByLetter[name[0]], name, theBuild)
	must(w.t, err)
	conn, err := w.Broker().Connect(w.t.Context(), m, slog.New(slog.DiscardHandler))
	must(w.t, err)
	p := &puppet{w: w, m: m, conn: conn, change: func(*pb.Heartbeat) {}}
	_, err = rand.Read(p.incarnation[:])
	must(w.t, err)
	p.append(schemas.Subject("home", schemas.KindCredential, name), m.Credential)
	ctx, cancel := context.WithCancel(w.t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { p.beat(ctx) })
	p.leaves = sync.OnceFunc(func() {
		cancel()
		ended.Wait()
		conn.Close()
	})
	w.t.Cleanup(p.leaves)
	return p
}

// says changes what its heartbeats say from now on; nil makes it honest.
func (p *puppet) says(change func(*pb.Heartbeat)) {
	if change == nil {
		change = func(*pb.Heartbeat) {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change = change
}

func (p *puppet) beat(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if data := p.next(); data != nil {
			// Lost heartbeats are missed by the sentinel, and fail the test there.
			_, _ = p.conn.Append(ctx, schemas.Subject("home", schemas.KindHeartbeat, p.m.ID.SubjectToken()), data)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// next seals its next heartbeat.
func (p *puppet) next() []byte {
	beat := &pb.Heartbeat{
		Ledger: p.w.fabric.Ledger[:], Participant: p.m.ID.String(), Incarnation: p.incarnation[:],
		BuildDigest: theBuild[:], ConfigDigest: make([]byte, 32), Started: true,
	}
	p.w.observer.Look(func(f *ledger.Fold) {
		gov := f.Governance()
		beat.Epoch, beat.Head, beat.Position = gov.Epoch(), gov.Head().Proto(), f.Seq()
		beat.Release = slices.Clone(gov.Release().Digest[:])
	})
	if beat.GetHead() == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counter++
	beat.Counter, beat.Clock = p.counter, timestamppb.Now()
	p.change(beat)
	payload, err := schemas.Marshal(beat)
	if err != nil {
		return nil
	}
	data, err := trust.Seal(schemas.KindHeartbeat.PayloadType(), payload, p.m.Key)
	if err != nil {
		return nil
	}
	return data
}

func (p *puppet) append(subject string, data []byte) uint64 {
	p.w.t.Helper()
	seq, err := p.conn.Append(p.w.within(patience), subject, data)
	must(p.w.t, err)
	return seq
}

// item writes a list of one item.
func (p *puppet) item(kind schemas.Kind, tool string, m proto.Message) ledger.Position {
	p.w.t.Helper()
	item, err := schemas.Marshal(m)
	must(p.w.t, err)
	data, err := trust.SealList(kind, p.w.fabric.Ledger, [][]byte{item}, p.m.Key)
	must(p.w.t, err)
	return ledger.Position{Seq: p.append(schemas.Subject("home", kind, tool), data)}
}

// newest is the newest record of a kind of list: where its first item stands,
// and its digest. The item is decoded into m.
func (w *drifting) newest(kind schemas.Kind, m proto.Message) (at ledger.Position, digest trust.Digest) {
	w.t.Helper()
	_, err := streams.Read(w.within(patience), w.gov.Conn(), streams.ReadConfig{}, func(raw streams.Raw) error {
		if _, k, _, err := schemas.LedgerSubject(raw.Subject); err != nil || k != kind {
			return nil //nolint:nilerr // another kind of record
		}
		env, err := trust.ParseEnvelope(raw.Data)
		must(w.t, err)
		_, items, err := trust.ParseList(env.Payload)
		must(w.t, err)
		at, digest = ledger.Position{Seq: raw.Seq}, trust.DigestOf(items[0])
		proto.Reset(m)
		return schemas.Decode(items[0], schemas.MaxItem, m)
	})
	must(w.t, err)
	return at, digest
}
