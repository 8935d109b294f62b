package streams

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/door"
)

// cluster is three servers that keep one zone, each on the printed configuration
// as RunServer runs it.
type cluster struct {
	*world
	params [3]ConfigParams
	nodes  [3]*Server
	admin  nkeys.KeyPair
	ca     string
	limits door.Limits
}

// clusterConfig is how a test's cluster differs from the usual one.
type clusterConfig struct {
	tls     bool
	durable [3]Durability
	limits  door.Limits // of each agent; zero: the default
}

var relaxed = [3]Durability{RelaxedSyncMayLoseRecords, RelaxedSyncMayLoseRecords, RelaxedSyncMayLoseRecords}

func newCluster(t testing.TB, cfg clusterConfig) *cluster {
	t.Helper()
	c := &cluster{world: &world{t: t, cast: newCast(t), tcp: true}, limits: cfg.limits}
	var err error
	c.admin, err = nkeys.CreateUser()
	must(t, err)
	key, err := c.admin.PublicKey()
	must(t, err)
	secret := make([]byte, minPassword)
	_, err = rand.Read(secret)
	must(t, err)
	ports := freePorts(t, 6)
	var files []*ServerTLS
	if cfg.tls {
		files, c.ca = serverCertificates(t, 3)
	}
	for i := range c.nodes {
		p := ConfigParams{
			ServerName: fmt.Sprintf("n%d", i+1), Port: ports[i], StoreDir: t.TempDir(), Durability: cfg.durable[i], Admins: []string{key}, Participants: c.cast.all,
			Cluster: &Cluster{Name: "c", Port: ports[3+i], Password: hex.EncodeToString(secret)},
		}
		if cfg.tls {
			p.TLS = files[i]
		}
		for other := range c.nodes {
			if other != i {
				p.Cluster.Routes = append(p.Cluster.Routes, fmt.Sprintf("127.0.0.1:%d", ports[3+other]))
			}
		}
		c.params[i] = p
		c.run(i)
	}
	c.server = c.nodes[0]
	must(t, c.operator().Ensure(soon(t), ZoneConfig{Zone: zone, Replicas: 3}))
	return c
}

// run starts a server, on the store that it has.
func (c *cluster) run(i int) {
	c.t.Helper()
	text, err := Config(c.params[i])
	must(c.t, err)
	cfg := RunConfig{Text: func() (string, error) { return text, nil }}
	opts, err := cfg.options()
	must(c.t, err)
	s := &Server{cfg: ServerConfig{StoreDir: opts.StoreDir, Host: opts.Host, Port: opts.Port}, gate: gate{limits: c.limits}, log: newServerLog(nil), admin: c.admin}
	must(c.t, s.boot(opts))
	c.t.Cleanup(s.Shutdown)
	c.nodes[i] = s
}

// reload has a server read its configuration again.
func (c *cluster) reload(i int) {
	c.t.Helper()
	text, err := Config(c.params[i])
	must(c.t, err)
	must(c.t, c.nodes[i].reread(RunConfig{Text: func() (string, error) { return text, nil }}))
}

func (c *cluster) stop(i int) { c.nodes[i].Shutdown() }

func (c *cluster) urls(nodes ...int) string {
	scheme := "nats://"
	if c.ca != "" {
		scheme = schemeTLS
	}
	if len(nodes) == 0 {
		nodes = []int{0, 1, 2}
	}
	var urls []string
	for _, i := range nodes {
		urls = append(urls, fmt.Sprintf("%s127.0.0.1:%d", scheme, c.params[i].Port))
	}
	return strings.Join(urls, ",")
}

// at connects a participant to some of the servers, to all where none is named.
func (c *cluster) at(name string, nodes ...int) *Conn {
	c.t.Helper()
	return c.connectWith(name, func(cfg *ConnConfig) { cfg.URL, cfg.RootCAs = c.urls(nodes...), c.ca })
}

// operator is a connection inside FABRIC.
func (c *cluster) operator() *Conn {
	c.t.Helper()
	seed, err := c.admin.Seed()
	must(c.t, err)
	conn, err := Connect(soon(c.t), ConnConfig{URL: c.urls(), RootCAs: c.ca, Seed: seed, Zone: zone, Name: "operator"})
	must(c.t, err)
	c.t.Cleanup(conn.Close)
	return conn
}

// leader is the index of the server that leads the ledger.
func (c *cluster) leader() (at int) {
	c.t.Helper()
	eventually(c.t, "the ledger has a leader", func() bool {
		for i, s := range c.nodes {
			if s.ns.Running() && s.ns.JetStreamIsStreamLeader(fabricAccount, Ledger.Name(zone)) {
				at = i
				return true
			}
		}
		return false
	})
	return at
}

// stepDown has the ledger's leader give way to another.
func (c *cluster) stepDown(operator *Conn) {
	c.t.Helper()
	if _, err := operator.StepDown(soon(c.t), Ledger, ""); err != nil {
		c.t.Errorf("step-down: %v", err)
	}
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports, held := make([]int, n), make([]net.Listener, n)
	for i := range held {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		at, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			t.Fatalf("listening at %v", l.Addr())
		}
		ports[i], held[i] = at.Port, l
	}
	for _, l := range held { // not before all are known, so that they differ
		must(t, l.Close())
	}
	return ports
}

// TestClusterVerifiesEveryReplica: one server that does not sync is enough not to
// arm; one that is gone is not asked.
func TestClusterVerifiesEveryReplica(t *testing.T) {
	c := newCluster(t, clusterConfig{})
	enf := c.at("enf", 0, 1)
	verified := func() Durability {
		t.Helper()
		var got Durability
		eventually(t, "the servers say whether they sync", func() (ok bool) {
			d, err := enf.VerifySync(soon(t), 1)
			got = d
			return err == nil
		})
		return got
	}
	if got := verified(); got != SyncAlways {
		t.Errorf("three that sync: %v", got)
	}
	keep, absent, err := enf.Servers(soon(t))
	must(t, err)
	if len(keep) != 3 || len(absent) != 0 {
		t.Errorf("kept by %v, absent %v", keep, absent)
	}
	c.stop(2)
	if got := verified(); got != SyncAlways {
		t.Errorf("two that sync, one gone: %v", got)
	}
	c.params[2].Durability = RelaxedSyncMayLoseRecords
	c.run(2)
	eventually(t, "the relaxed server is found out", func() bool {
		d, err := enf.VerifySync(soon(t), 1)
		return err == nil && d == RelaxedSyncMayLoseRecords
	})
}

// TestClusterLeaderSteps: while leaders change under load, followers at every
// server read one order without a gap, nothing that was acknowledged is lost, and
// nothing stands there twice.
func TestClusterLeaderSteps(t *testing.T) {
	c := newCluster(t, clusterConfig{durable: relaxed})
	var tapes []*tape
	for i, name := range []string{"enf", "exec", "sent"} {
		tapes = append(tapes, c.follow(c.at(name, i), FollowConfig{}))
	}
	operator := c.operator()
	const agents, each, steps = 2, 200, 4
	acked := make([]map[uint64]string, agents)
	var load sync.WaitGroup
	for i, name := range []string{"alice", "bob"} {
		conn := c.at(name)
		acked[i] = map[uint64]string{}
		load.Go(func() {
			for n := range each {
				data := fmt.Sprintf("%s %d", name, n)
				seq, err := conn.Append(t.Context(), subj(schemas.KindIntent, name), []byte(data))
				if err == nil {
					acked[i][seq] = data
				} else if errors.Is(err, ErrRefused) {
					t.Errorf("refused: %v", err)
				}
			}
		})
	}
	for range steps {
		c.stepDown(operator)
		c.leader()
	}
	load.Wait()
	head := c.append(c.at("alice"), subj(schemas.KindIntent, "alice"), "last")
	first := tapes[0].upTo(t, head)
	contiguous(t, first, 1)
	seen := map[string]uint64{}
	for _, r := range first {
		if at := seen[string(r.Data)]; at != 0 {
			t.Errorf("%q stands at %d and at %d", r.Data, at, r.Seq)
		}
		seen[string(r.Data)] = r.Seq
	}
	for _, of := range acked {
		for seq, data := range of {
			if seen[data] != seq {
				t.Errorf("%q was acknowledged at %d and stands at %d", data, seq, seen[data])
			}
		}
	}
	for i, tp := range tapes[1:] {
		other := tp.upTo(t, head)
		if len(other) < len(first) {
			t.Fatalf("follower %d read %d records of %d", i+1, len(other), len(first))
		}
		for j, r := range first {
			if !r.same(other[j]) {
				t.Fatalf("follower %d has another record at %d", i+1, r.Seq)
			}
		}
	}
}

// TestClusterWithoutServers: with one server gone it goes on; with two, nothing is
// stored and nobody is told that it was; with them back, it goes on where it was.
func TestClusterWithoutServers(t *testing.T) {
	c := newCluster(t, clusterConfig{durable: relaxed})
	alice := c.connectWith("alice", func(cfg *ConnConfig) { cfg.URL, cfg.AckTimeout = c.urls(), 2*time.Second })
	intent := subj(schemas.KindIntent, "alice")
	tp := c.follow(c.at("enf"), FollowConfig{})
	store := func(data string) (seq uint64) {
		t.Helper()
		eventually(t, data+" is stored", func() (ok bool) {
			var err error
			seq, err = alice.Append(soon(t), intent, []byte(data))
			return err == nil
		})
		return seq
	}
	tp.upTo(t, store("three"))
	gone := c.leader()
	c.stop(gone)
	tp.upTo(t, store("two"))
	also := (gone + 1) % 3
	c.stop(also)
	for i := range 3 {
		seq, err := alice.Append(soon(t), intent, fmt.Appendf(nil, "one %d", i))
		if err == nil {
			t.Fatalf("acknowledged at %d by one server of three", seq)
		}
		if errors.Is(err, ErrRefused) {
			t.Errorf("refused for ever: %v", err)
		}
	}
	c.run(gone)
	c.run(also)
	head := store("three again")
	contiguous(t, tp.upTo(t, head), 1)
	if state := tp.state(); state == Disconnected {
		eventually(t, "reached again", func() bool { return tp.state() != Disconnected })
	}
}

func TestClusterConfigRefuses(t *testing.T) {
	good := func() ConfigParams {
		return ConfigParams{
			ServerName: "n1", Port: 4222, StoreDir: "/x", TLS: &ServerTLS{Cert: "c", Key: "k", CA: "a"},
			Cluster: &Cluster{Name: "c", Port: 6222, Routes: []string{"h2:6222"}, Password: strings.Repeat("0f", minPassword)},
		}
	}
	if _, err := Config(good()); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		spoil func(*ConfigParams)
		say   string
	}{
		"no name":          {func(p *ConfigParams) { p.ServerName = "" }, "names"},
		"no cluster":       {func(p *ConfigParams) { p.Cluster.Name = "" }, "names"},
		"any port":         {func(p *ConfigParams) { p.Port = -1 }, "ports"},
		"any route port":   {func(p *ConfigParams) { p.Cluster.Port = 0 }, "ports"},
		"no password":      {func(p *ConfigParams) { p.Cluster.Password = "" }, "password"},
		"short password":   {func(p *ConfigParams) { p.Cluster.Password = "0f" }, "password"},
		"injected":         {func(p *ConfigParams) { p.Cluster.Password = strings.Repeat("0f", minPassword) + "\"}" }, "password"},
		"no routes":        {func(p *ConfigParams) { p.Cluster.Routes = nil }, "route"},
		"odd route":        {func(p *ConfigParams) { p.Cluster.Routes = []string{"h2"} }, "host:port"},
		"route to any":     {func(p *ConfigParams) { p.Cluster.Routes = []string{"h2:0"} }, "host:port"},
		"no key":           {func(p *ConfigParams) { p.TLS.Key = "" }, "TLS"},
		"routes on trust":  {func(p *ConfigParams) { p.TLS.CA = "" }, "TLS"},
		"negative replica": {func(p *ConfigParams) { p.Durability = 9 }, "durability"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			tc.spoil(&p)
			_, err := Config(p)
			if err == nil || !strings.Contains(err.Error(), tc.say) {
				t.Fatalf("got %v, want %q", err, tc.say)
			}
		})
	}
}

// TestLeaderAnswersThatProveNothing: an answer that leaves something out is none.
func TestLeaderAnswersThatProveNothing(t *testing.T) {
	whole := `{"config":{"name":"LEDGER_z","num_replicas":3},"state":{"last_seq":7},"cluster":{"leader":"n1","replicas":[{"name":"n2"},{"name":"n3"}]}}`
	if s, err := standingOf([]byte(whole), "LEDGER_z"); err != nil || s.last != 7 || len(s.replicas) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, answer := range []string{
		``, `{`, `{}`, strings.Replace(whole, "LEDGER_z", "LEDGER_y", 1), strings.Replace(whole, `"leader":"n1"`, `"leader":""`, 1),
		strings.Replace(whole, `,{"name":"n3"}`, "", 1), strings.Replace(whole, `"state":{"last_seq":7},`, "", 1), `{"error":{"description":"no"}}`,
		strings.Replace(whole, `"num_replicas":3`, `"num_replicas":0`, 1), `{"config":{"name":"LEDGER_z","num_replicas":1},"state":{"last_seq":7}}`,
	} {
		if s, err := standingOf([]byte(answer), "LEDGER_z"); err == nil {
			t.Errorf("%s says %+v", answer, s)
		}
	}
}

// TestRunServerRefuses: a configuration that lets people in without the table of
// rights is not run.
func TestRunServerRefuses(t *testing.T) {
	good, err := Config(ConfigParams{Port: -1, StoreDir: t.TempDir()})
	must(t, err)
	for name, tc := range map[string]struct{ text, say string }{
		"empty":           {"", "empty"},
		"other accounts":  {strings.ReplaceAll(good, fabricAccount, "OTHER"), "FABRIC"},
		"no JetStream":    {"accounts {\n FABRIC {}\n SYS {}\n}\nsystem_account: SYS\n", "JetStream"},
		"not understood":  {"{", "configuration"},
		"plaintext too":   {good + "allow_non_tls: true\n", "TLS"},
		"another way in":  {good + "websocket {port: -1, no_tls: true}\n", "door"},
		"leaf nodes":      {good + "leafnodes {port: -1}\n", "door"},
		"sent elsewhere":  {good + "cluster {name: c, port: 6222}\n", "door"},
		"another service": {strings.Replace(good, "system_account: SYS", "system_account: FABRIC", 1), "SYS"},
	} {
		t.Run(name, func(t *testing.T) {
			err := RunServer(soon(t), RunConfig{Text: func() (string, error) { return tc.text, nil }})
			if err == nil || !strings.Contains(err.Error(), tc.say) {
				t.Fatalf("got %v, want %q", err, tc.say)
			}
		})
	}
	if err := RunServer(soon(t), RunConfig{}); err == nil {
		t.Error("ran without a configuration")
	}
}

// TestRunServer: a server runs until it is told to end, lets in whoever a reload
// names, and keeps its configuration when a new one is broken.
func TestRunServer(t *testing.T) {
	cast := newCast(t)
	params := ConfigParams{Port: freePorts(t, 1)[0], StoreDir: t.TempDir(), Durability: RelaxedSyncMayLoseRecords, Participants: cast.all}
	text, err := Config(params)
	must(t, err)
	var mu sync.Mutex
	reload, ready := make(chan struct{}), make(chan string, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- RunServer(ctx, RunConfig{
			Text:   func() (string, error) { mu.Lock(); defer mu.Unlock(); return text, nil },
			Reload: reload,
			Ready:  func(_, url string) error { ready <- url; return nil },
		})
	}()
	url := <-ready
	connect := func(seed []byte) error {
		auth, err := signer(seed)
		must(t, err)
		nc, err := nats.Connect(url, auth)
		if err == nil {
			nc.Close()
		}
		return err
	}
	must(t, connect(cast.seeds["enf"]))
	key, seed := newUser(t)
	if connect(seed) == nil {
		t.Fatal("a stranger connected")
	}
	put := func(with string) {
		mu.Lock()
		text = with
		mu.Unlock()
		reload <- struct{}{}
	}
	put("{")
	params.Participants = append(params.Participants, Participant{Zone: zone, Name: "carol", Role: roles["alice"], Key: key})
	more, err := Config(params)
	must(t, err)
	put(more)
	eventually(t, "carol connects", func() bool { return connect(seed) == nil })
	if err := RunServer(soon(t), RunConfig{Text: func() (string, error) { return text, nil }}); !errors.Is(err, ErrStoreInUse) {
		t.Errorf("a second server on the same store: %v", err)
	}
	stop()
	must(t, <-ended)
}

// leaderless is a cluster that has a stream, and nobody who leads it for a while.
type leaderless struct {
	nats.JetStreamContext
	asked int
}

func (l *leaderless) StreamInfo(string, ...nats.JSOpt) (*nats.StreamInfo, error) {
	l.asked++
	info := &nats.StreamInfo{Config: *Heartbeats.settings(ZoneConfig{Zone: zone, Replicas: 3}), Cluster: &nats.ClusterInfo{}}
	if l.asked > 1 {
		info.Cluster.Leader = "n1"
	}
	return info, nil
}

// TestEnsureAwaitsLeaders: a stream that nobody leads is none to rely on yet.
func TestEnsureAwaitsLeaders(t *testing.T) {
	js, want := &leaderless{}, Heartbeats.settings(ZoneConfig{Zone: zone, Replicas: 3})
	if err := ensureStream(t.Context(), js, want); !errors.Is(err, errLeaderless) || !awaitsServers(t.Context(), err) {
		t.Errorf("without a leader: %v", err)
	}
	must(t, ensureStream(t.Context(), js, want))
}
