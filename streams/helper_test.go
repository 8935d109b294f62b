package streams

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/door"
)

const zone = "z"

// cast is one participant of each role, two agents, and their seeds.
type cast struct {
	all   []Participant
	seeds map[string][]byte
}

var roles = map[string]pb.Role{
	"alice": pb.Role_ROLE_AGENT, "bob": pb.Role_ROLE_AGENT,
	"enf": pb.Role_ROLE_ENFORCER, "exec": pb.Role_ROLE_EXECUTOR, "sent": pb.Role_ROLE_SENTINEL,
	"gov": pb.Role_ROLE_GOVERNOR, "appr": pb.Role_ROLE_APPROVER, "rec": pb.Role_ROLE_RECORDER,
	"wit": pb.Role_ROLE_WITNESS, "aud": pb.Role_ROLE_AUDITOR,
}

func newUser(t testing.TB) (public string, seed []byte) {
	t.Helper()
	key, err := nkeys.CreateUser()
	must(t, err)
	public, err = key.PublicKey()
	must(t, err)
	seed, err = key.Seed()
	must(t, err)
	return public, seed
}

func newCast(t testing.TB) *cast {
	t.Helper()
	c := &cast{seeds: map[string][]byte{}}
	for name, role := range roles {
		public, seed := newUser(t)
		p := Participant{Zone: zone, Name: name, Role: role, Key: public}
		if role == pb.Role_ROLE_EXECUTOR {
			p.Tools = []string{"files", "http"}
		}
		c.all, c.seeds[name] = append(c.all, p), seed
	}
	return c
}

// world is a server with a cast.
type world struct {
	t      testing.TB
	server *Server
	cast   *cast
	tcp    bool
	plain  bool // not ours: no door stands before it

	overseer *Conn // in FABRIC; see ledgerHead
}

func newWorld(t testing.TB, change func(*ServerConfig)) *world {
	t.Helper()
	w := &world{t: t, cast: newCast(t)}
	w.start(ServerConfig{
		StoreDir: t.TempDir(), Port: -1, Durability: RelaxedSyncMayLoseRecords,
		Zones: []ZoneConfig{{Zone: zone}}, Participants: w.cast.all,
	}, change)
	return w
}

// wide lets agents send as fast as they can: what is measured is not the door.
func wide(c *ServerConfig) {
	c.Limits = door.DefaultLimits
	c.Limits.Bytes, c.Limits.Messages, c.Limits.Intents = math.MaxInt32, math.MaxInt32, math.MaxInt32
}

func (w *world) start(cfg ServerConfig, change func(*ServerConfig)) {
	w.t.Helper()
	if change != nil {
		change(&cfg)
	}
	s, err := StartServer(cfg)
	must(w.t, err)
	w.t.Cleanup(s.Shutdown)
	w.server = s
}

func (w *world) connect(name string) *Conn {
	w.t.Helper()
	return w.connectWith(name, nil)
}

func (w *world) connectWith(name string, change func(*ConnConfig)) *Conn {
	w.t.Helper()
	cfg := ConnConfig{Server: w.server, Seed: w.cast.seeds[name], Zone: zone, Name: name, AckTimeout: 15 * time.Second}
	if w.tcp {
		cfg.Server, cfg.URL = nil, w.url()
	}
	if change != nil {
		change(&cfg)
	}
	c, err := Connect(soon(w.t), cfg)
	must(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// bare is a connection with a participant's key and none of our code: what an
// attacker would use.
func (w *world) bare(name string, opts ...nats.Option) *nats.Conn {
	w.t.Helper()
	auth, err := signer(w.cast.seeds[name])
	must(w.t, err)
	nc, err := nats.Connect(w.url(), append(opts, auth, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	must(w.t, err)
	w.t.Cleanup(nc.Close)
	return nc
}

// url is where clients connect: the door, but for a plain server, which has none.
func (w *world) url() string {
	if w.plain {
		return w.server.ns.ClientURL()
	}
	return w.server.URL()
}

// admin is a connection inside FABRIC.
func (w *world) admin() *Conn {
	w.t.Helper()
	seed, err := w.server.admin.Seed()
	must(w.t, err)
	c, err := Connect(soon(w.t), ConnConfig{URL: w.url(), Seed: seed, Zone: zone, Name: "admin"})
	must(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// ledgerHead asks the broker itself for the newest position.
func (w *world) ledgerHead(s Stream) uint64 {
	w.t.Helper()
	if w.overseer == nil || !w.overseer.Connected() {
		w.overseer = w.admin()
	}
	js, err := w.overseer.nc.JetStream()
	must(w.t, err)
	info, err := js.StreamInfo(s.Name(zone))
	must(w.t, err)
	return info.State.LastSeq
}

func (w *world) append(c *Conn, subject, data string) uint64 {
	w.t.Helper()
	seq, err := c.Append(soon(w.t), subject, []byte(data))
	must(w.t, err)
	return seq
}

// tape records what a follower delivers.
type tape struct {
	mu      sync.Mutex
	records []Raw
	states  []State
	heads   []uint64
	err     error
	ended   chan struct{}
	stop    context.CancelFunc
}

func (w *world) follow(c *Conn, cfg FollowConfig) *tape {
	ctx, stop := context.WithCancel(context.Background())
	tp := &tape{ended: make(chan struct{}), stop: stop}
	cfg.CaughtUp = func(head uint64) { tp.mu.Lock(); tp.heads = append(tp.heads, head); tp.mu.Unlock() }
	cfg.State = func(s State) { tp.mu.Lock(); tp.states = append(tp.states, s); tp.mu.Unlock() }
	go func() {
		defer close(tp.ended)
		err := Follow(ctx, c, cfg, func(r Raw) Raw { return r }, func(r Raw, _ bool) error {
			tp.mu.Lock()
			defer tp.mu.Unlock()
			tp.records = append(tp.records, r)
			return nil
		})
		tp.mu.Lock()
		tp.err = err
		tp.mu.Unlock()
	}()
	w.t.Cleanup(func() { stop(); <-tp.ended })
	return tp
}

func (tp *tape) all() []Raw {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return append([]Raw(nil), tp.records...)
}

func (tp *tape) state() State {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if len(tp.states) == 0 {
		return Disconnected
	}
	return tp.states[len(tp.states)-1]
}

// upTo waits until the position was delivered and returns everything so far.
func (tp *tape) upTo(t testing.TB, seq uint64) []Raw {
	t.Helper()
	eventually(t, "position delivered", func() bool {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		return len(tp.records) > 0 && tp.records[len(tp.records)-1].Seq >= seq
	})
	return tp.all()
}

func (tp *tape) end(t testing.TB) error {
	t.Helper()
	select {
	case <-tp.ended:
	case <-time.After(patience):
		t.Fatal("follow has not ended")
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.err
}

// contiguous fails unless records are first, first+1, ….
func contiguous(t testing.TB, records []Raw, first uint64) {
	t.Helper()
	for i, r := range records {
		if r.Seq != first+uint64(i) {
			t.Fatalf("record %d has position %d, want %d", i, r.Seq, first+uint64(i))
		}
	}
}

// patience is for busy machines under the race detector; nothing waits so long when all is well.
const patience = 60 * time.Second

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, class error, words ...string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("error is %v, want %v", err, class)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func subj(kind schemas.Kind, token string) string { return schemas.Subject(zone, kind, token) }
