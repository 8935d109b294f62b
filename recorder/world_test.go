package recorder

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

var roles = map[string]pb.Role{
	"r1": pb.Role_ROLE_RECORDER, "g0": pb.Role_ROLE_GOVERNOR, "alice": pb.Role_ROLE_AGENT,
	"s1": pb.Role_ROLE_SENTINEL, "w1": pb.Role_ROLE_WITNESS,
}

// world is a zone's ledger on an embedded server whose store tests copy and put
// back, with a recorder.
type world struct {
	t       testing.TB
	store   string
	server  *streams.Server
	port    int
	zone    *trusttest.Zone
	release *pb.Release
	logKeys *trust.LogKeys
	dir     string // the recorder's
	seeds   map[string][]byte
	people  []streams.Participant
	conns   map[string]*streams.Conn
	member  trusttest.Member // r1
}

func newWorld(t testing.TB, mutators ...func(*pb.Release)) *world {
	t.Helper()
	w := &world{
		t: t, store: filepath.Join(t.TempDir(), "store"), dir: filepath.Join(t.TempDir(), "r1"), port: -1,
		zone: trusttest.NewZone(1, 1), logKeys: newLogKeys(t), seeds: map[string][]byte{},
	}
	for name, role := range roles {
		key, err := nkeys.CreateUser()
		must(t, err)
		public, err := key.PublicKey()
		must(t, err)
		w.seeds[name], err = key.Seed()
		must(t, err)
		w.people = append(w.people, streams.Participant{Zone: trusttest.ZoneName, Name: name, Role: role, Key: public})
	}
	id := trusttest.ID(pb.Role_ROLE_RECORDER, "r1")
	w.member = trusttest.Enroll(w.zone.CA.SVID(id, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) }), id, trusttest.Key(id.String()), trust.Digest{})
	w.start()
	t.Cleanup(func() { w.server.Shutdown() })
	w.release = w.zone.Release(append([]func(*pb.Release){w.ofToday}, mutators...)...)
	w.write("g0", schemas.KindGovernance, "", w.zone.Genesis)
	w.govern(trusttest.Released(w.release))
	return w
}

func newLogKeys(t testing.TB) *trust.LogKeys {
	t.Helper()
	text, _, err := trust.GenerateLogKeys()
	must(t, err)
	keys, err := trust.ParseLogKeys(text)
	must(t, err)
	return keys
}

func (w *world) ofToday(r *pb.Release) {
	r.NotBefore, r.Expires = timestamppb.New(time.Now().Add(-time.Hour)), timestamppb.New(time.Now().Add(time.Hour))
	r.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	r.Bounds.MaxClockSkew = durationpb.New(20 * time.Second)
	entry := trusttest.Entry(pb.Role_ROLE_RECORDER, "r1")
	entry.LogKeys = w.logKeys.Public()
	r.Directory = append(slices.DeleteFunc(r.GetDirectory(), func(p *pb.Identity) bool { return p.GetRole() == pb.Role_ROLE_RECORDER }), entry)
}

// start starts the server on the store as it is.
func (w *world) start() {
	w.t.Helper()
	server, err := streams.StartServer(streams.ServerConfig{
		StoreDir: w.store, Port: w.port, Durability: streams.RelaxedSyncMayLoseRecords,
		Zones: []streams.ZoneConfig{{Zone: trusttest.ZoneName}}, Participants: w.people,
	})
	must(w.t, err)
	w.server, w.conns = server, map[string]*streams.Conn{}
	_, err = fmt.Sscanf(server.URL()[strings.LastIndexByte(server.URL(), ':')+1:], "%d", &w.port)
	must(w.t, err)
}

func (w *world) stop() {
	for _, c := range w.conns {
		c.Close()
	}
	w.server.Shutdown()
}

// copied stops the server, copies its store and starts it again.
func (w *world) copied() (copied string) {
	w.t.Helper()
	copied = filepath.Join(w.t.TempDir(), "copy")
	w.stop()
	must(w.t, os.CopyFS(copied, os.DirFS(w.store)))
	w.start()
	return copied
}

// restore puts an older store in the place of the server's ledger. Checkpoints
// stay as they are.
func (w *world) restore(copied string) {
	w.t.Helper()
	w.stop()
	kept := filepath.Join(w.t.TempDir(), "kept")
	must(w.t, os.Rename(w.store, kept))
	must(w.t, os.CopyFS(w.store, os.DirFS(copied)))
	w.swap(kept, "CHECKPOINTS_"+trusttest.ZoneName)
	w.start()
}

// swap takes one stream's folder from another store.
func (w *world) swap(from, stream string) {
	w.t.Helper()
	moved := 0
	must(w.t, filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() != stream {
			return err
		}
		rel, err := filepath.Rel(from, path)
		must(w.t, err)
		must(w.t, os.RemoveAll(filepath.Join(w.store, rel)))
		must(w.t, os.CopyFS(filepath.Join(w.store, rel), os.DirFS(path)))
		moved++
		return filepath.SkipDir
	}))
	if moved != 1 {
		w.t.Fatalf("%d folders of %s in the store", moved, stream)
	}
}

func (w *world) connect(name string, tcp bool) *streams.Conn {
	w.t.Helper()
	cfg := streams.ConnConfig{Server: w.server, Seed: w.seeds[name], Zone: trusttest.ZoneName, Name: name}
	if tcp {
		cfg.Server, cfg.URL = nil, w.server.URL()
	}
	c, err := streams.Connect(w.soon(), cfg)
	must(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) conn(name string) *streams.Conn {
	if w.conns[name] == nil {
		w.conns[name] = w.connect(name, false)
	}
	return w.conns[name]
}

func (w *world) write(name string, kind schemas.Kind, token string, data []byte) uint64 {
	w.t.Helper()
	seq, err := w.conn(name).Append(w.soon(), schemas.Subject(trusttest.ZoneName, kind, token), data)
	must(w.t, err)
	return seq
}

// govern writes a governance record, which must take effect.
func (w *world) govern(record *pb.Governance) uint64 {
	w.t.Helper()
	before := w.fold().Governance().Epoch()
	seq := w.write("g0", schemas.KindGovernance, "", w.zone.Seal(record))
	if w.fold().Governance().Epoch() != before+1 {
		w.t.Fatalf("the governance record at %d took no effect", seq)
	}
	return seq
}

// noise writes records that mean nothing; each is a leaf as any other.
func (w *world) noise(n int) (last uint64) {
	w.t.Helper()
	for i := range n {
		last = w.write("alice", schemas.KindIntent, "alice", fmt.Appendf(nil, "noise %d at %v", i, time.Now()))
	}
	return last
}

// records reads a stream.
func (w *world) records(s streams.Stream) []streams.Raw {
	w.t.Helper()
	var all []streams.Raw
	_, err := streams.Read(w.soon(), w.conn("r1"), streams.ReadConfig{Stream: s}, func(raw streams.Raw) error {
		all = append(all, raw)
		return nil
	})
	must(w.t, err)
	return all
}

func (w *world) last() uint64 {
	w.t.Helper()
	last, err := w.conn("g0").Last(w.soon())
	must(w.t, err)
	return last
}

// fold is the ledger's fold as of now.
func (w *world) fold() *ledger.Fold {
	w.t.Helper()
	f := ledger.NewFold(w.zone.Ledger, nil)
	for _, raw := range w.records(streams.Ledger) {
		_, _ = f.Step(ledger.Parser{Zone: trusttest.ZoneName}.Parse(feed.Raw(raw)))
	}
	return f
}

// tree derives the tree of this size from the ledger as it is, independently.
func (w *world) tree(size uint64) lineage.Hash {
	w.t.Helper()
	var edge lineage.Edge
	var logTime time.Time
	for _, raw := range w.records(streams.Ledger)[:size] {
		if raw.Time.After(logTime) {
			logTime = raw.Time
		}
		edge.Append(lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: logTime, Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}.Leaf())
	}
	return edge.Root()
}

// checkpoint is the one on the recorder's disk, as a stranger reads it.
func (w *world) checkpoint() lineage.Signed {
	w.t.Helper()
	note, err := os.ReadFile(filepath.Join(tiles.TreeDir(w.dir), "checkpoint"))
	must(w.t, err)
	keys, err := w.fold().Governance().LogKeys()
	must(w.t, err)
	signed, err := keys.Open(note)
	must(w.t, err)
	return signed
}

// truthful checks that the recorder's checkpoint is that of the ledger.
func (w *world) truthful() lineage.Signed {
	w.t.Helper()
	c := w.checkpoint()
	if got := w.tree(c.Size); c.Root != got || c.Recorder != "r1" {
		w.t.Fatalf("the checkpoint of %d by %q says %v, the ledger %v", c.Size, c.Recorder, c.Root, got)
	}
	return c
}

// running is a recorder that runs.
type running struct {
	*Recorder
	t    testing.TB
	w    *world
	stop context.CancelFunc
	done chan struct{}
	err  atomic.Pointer[error]
}

func (w *world) run(mutators ...func(*Config)) *running {
	w.t.Helper()
	cfg := Config{
		Conn: w.connect("r1", false), Ledger: w.zone.Ledger, ID: w.member.ID, Key: w.member.Key, Credential: w.member.Credential,
		LogKeys: w.logKeys, Dir: w.dir, Logger: slog.New(slog.DiscardHandler), Interval: 10 * time.Millisecond,
	}
	for _, mutate := range mutators {
		mutate(&cfg)
	}
	r, err := New(cfg)
	must(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	one := &running{Recorder: r, t: w.t, w: w, stop: cancel, done: make(chan struct{})}
	go func() {
		err := r.Run(ctx)
		one.err.Store(&err)
		close(one.done)
	}()
	w.t.Cleanup(one.end)
	return one
}

func (r *running) end() {
	r.stop()
	<-r.done
}

// covers waits for a checkpoint that covers a position.
func (r *running) covers(seq uint64) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("a checkpoint covers %d", seq), func() bool { return r.Status().Silent == "" && r.Status().Checkpoint.Size >= seq })
}

// forks waits for a finding and returns it.
func (r *running) forks() *pb.Finding {
	r.t.Helper()
	r.eventually("a fork is found", func() bool { return len(r.Status().Findings) > 0 })
	return r.Status().Findings[0]
}

func (r *running) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
		if err := r.err.Load(); err != nil {
			r.t.Fatalf("the recorder ended before %s: %v", what, *err)
		}
	}
	r.t.Fatalf("not within %v: %s; status %+v", patience, what, r.Status())
}

func (w *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// loss is governors' word on what was lost.
func loss(lost lineage.Checkpoint, kept uint64) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Loss{Loss: &pb.Loss{Lost: lost.Head(), Kept: kept, Reason: "restored from an old copy"}}}
}

func seal() *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "it ends here"}}}
}
