package streams

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// newExternalWorld runs a plain nats-server from the printed configuration
// text, as an operator would, and connects by TCP.
func newExternalWorld(t testing.TB) *world {
	t.Helper()
	return newEditedWorld(t, func(text string) string { return text })
}

// newEditedWorld is the same, but for what an operator changed in the text.
func newEditedWorld(t testing.TB, edit func(text string) string) *world {
	t.Helper()
	w := &world{t: t, cast: newCast(t), tcp: true, plain: true}
	s := &Server{cfg: ServerConfig{Port: -1, Logger: nil}}
	var err error
	s.admin, err = nkeys.CreateUser()
	must(t, err)
	key, err := s.admin.PublicKey()
	must(t, err)
	text, err := Config(ConfigParams{Port: -1, StoreDir: t.TempDir(), Durability: RelaxedSyncMayLoseRecords, Admins: []string{key}, Participants: w.cast.all})
	must(t, err)
	path := filepath.Join(t.TempDir(), "nats.conf")
	must(t, os.WriteFile(path, []byte(edit(text)), 0o600))
	opts, err := server.ProcessConfigFile(path)
	must(t, err)
	opts.NoSigs, opts.NoLog = true, true
	s.ns, err = server.NewServer(opts)
	must(t, err)
	go s.ns.Start()
	t.Cleanup(func() { s.ns.Shutdown(); s.ns.WaitForShutdown() })
	if !s.ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("external server is not ready")
	}
	w.server = s
	must(t, w.admin().Ensure(soon(t), ZoneConfig{Zone: zone}))
	return w
}

func TestVerifySync(t *testing.T) {
	for d, name := range map[Durability]string{SyncAlways: "always", RelaxedSyncMayLoseRecords: "relaxed"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *ServerConfig) { c.Durability = d })
			enf := w.connect("enf")
			got, err := enf.VerifySync(soon(t), 1)
			must(t, err)
			if got != d {
				t.Errorf("verified %v, want %v", got, d)
			}
			short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := enf.VerifySync(short, 2); err == nil {
				t.Error("two servers verified where one runs")
			}
			if _, err := enf.VerifySync(soon(t), 0); err == nil {
				t.Error("no server verified")
			}
			short, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := w.connect("alice").VerifySync(short, 1); err == nil {
				t.Error("an agent, who may not ask, verified")
			}
		})
	}
}

func TestSettingsThatProveNothing(t *testing.T) {
	for _, answer := range []string{
		``, `{`, `{}`, `{"server":{"id":"A"}}`, `{"server":{"id":"A"},"data":{}}`, `{"server":{"id":"A"},"data":{"jetstream":{}}}`,
		`{"data":{"jetstream":{"config":{"sync_always":true}}}}`,
	} {
		if _, d, err := durabilityOf([]byte(answer)); err == nil {
			t.Errorf("%s gives %v", answer, d)
		}
	}
}

func TestStartServerSaysWhatIsWrong(t *testing.T) {
	base := func() ServerConfig {
		return ServerConfig{StoreDir: t.TempDir(), Port: -1, Durability: RelaxedSyncMayLoseRecords, Zones: []ZoneConfig{{Zone: zone}}}
	}
	running := newWorld(t, nil)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for name, tc := range map[string]struct {
		change func(*ServerConfig)
		say    string
	}{
		"no folder":      {func(c *ServerConfig) { c.StoreDir = "" }, "StoreDir is empty"},
		"folder a file":  {func(c *ServerConfig) { c.StoreDir = file }, "choose one that this user may write"},
		"below a file":   {func(c *ServerConfig) { c.StoreDir = filepath.Join(file, "x") }, "choose one that this user may write"},
		"not writable":   {func(c *ServerConfig) { c.StoreDir = "/proc/portcullis" }, "choose one that this user may write"},
		"in use":         {func(c *ServerConfig) { c.StoreDir = running.server.cfg.StoreDir }, "in use by another server"},
		"port in use":    {func(c *ServerConfig) { c.Port = portOf(t, running.server) }, "address"},
		"bad zone":       {func(c *ServerConfig) { c.Zones = []ZoneConfig{{Zone: "A"}} }, "zone"},
		"bad replicas":   {func(c *ServerConfig) { c.Zones = []ZoneConfig{{Zone: zone, Replicas: 2}} }, "use 1 or 3"},
		"bad limit":      {func(c *ServerConfig) { c.Zones = []ZoneConfig{{Zone: zone, MaxBytes: -1}} }, "negative"},
		"bad durability": {func(c *ServerConfig) { c.Durability = 7 }, "durability"},
		"bad member":     {func(c *ServerConfig) { c.Participants = []Participant{{}} }, "participant"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base()
			tc.change(&cfg)
			s, err := StartServer(cfg)
			if err == nil {
				s.Shutdown()
				t.Fatal("started")
			}
			wantErr(t, err, err, tc.say)
		})
	}
	running.append(running.connect("alice"), subj(schemas.KindIntent, "alice"), "still running")
}

func TestEnsureNamesWhatDiffers(t *testing.T) {
	w := newWorld(t, nil)
	admin := w.admin()
	must(t, admin.Ensure(soon(t), ZoneConfig{Zone: zone})) // again: nothing differs
	js, err := admin.nc.JetStream()
	must(t, err)
	for name, tc := range map[string]struct {
		change func(*nats.StreamConfig)
		field  string
	}{
		"subjects":    {func(c *nats.StreamConfig) { c.Subjects = append(c.Subjects, "more") }, "Subjects"},
		"discard":     {func(c *nats.StreamConfig) { c.Discard = nats.DiscardOld }, "Discard"},
		"limit":       {func(c *nats.StreamConfig) { c.MaxBytes = 1 << 20 }, "MaxBytes"},
		"age":         {func(c *nats.StreamConfig) { c.MaxAge = time.Hour }, "MaxAge"},
		"rollup":      {func(c *nats.StreamConfig) { c.DenyPurge, c.AllowRollup = false, true }, "AllowRollup"},
		"direct":      {func(c *nats.StreamConfig) { c.AllowDirect = false }, "AllowDirect"},
		"duplicates":  {func(c *nats.StreamConfig) { c.Duplicates = time.Minute }, "Duplicates"},
		"republish":   {func(c *nats.StreamConfig) { c.RePublish.HeadersOnly = true }, "RePublish"},
		"message ttl": {func(c *nats.StreamConfig) { c.AllowMsgTTL = true }, "AllowMsgTTL"},
	} {
		t.Run(name, func(t *testing.T) {
			other := ZoneConfig{Zone: "y"}
			want := Ledger.settings(other)
			tc.change(want)
			_, err := js.AddStream(want)
			must(t, err)
			defer func() { must(t, js.DeleteStream(want.Name)) }()
			err = admin.Ensure(soon(t), other)
			if err == nil {
				t.Fatal("accepted")
			}
			wantErr(t, err, err, tc.field, want.Name)
		})
	}
	if err := w.connect("enf").Ensure(soon(t), ZoneConfig{Zone: "x"}); err == nil {
		t.Error("an enforcer created streams")
	}
}

// Enrolment and revocation work on a running server.
func TestReload(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice"), w.connect("bob")
	enf := w.connect("enf")
	tp := w.follow(enf, FollowConfig{})
	w.append(alice, subj(schemas.KindIntent, "alice"), "1")

	key, seed := newUser(t)
	w.cast.all = append(w.cast.all, Participant{Zone: zone, Name: "carol", Role: pb.Role_ROLE_AGENT, Key: key})
	w.cast.seeds["carol"] = seed
	var without []Participant
	for _, p := range w.cast.all {
		if p.Name != "bob" {
			without = append(without, p)
		}
	}
	must(t, w.server.Reload(without))
	carol := w.connect("carol")
	w.append(carol, subj(schemas.KindIntent, "carol"), "2")
	last := w.append(alice, subj(schemas.KindIntent, "alice"), "3")
	contiguous(t, tp.upTo(t, last), 1)
	answers := make(chan string, 1)
	_, err := carol.SubscribeAnswers(func(b []byte) { answers <- string(b) })
	must(t, err)
	must(t, carol.nc.Flush())
	must(t, enf.PublishAnswer("carol", []byte("welcome")))
	if a := <-answers; a != "welcome" {
		t.Errorf("carol got %q", a)
	}
	eventually(t, "bob disconnected", func() bool { return !bob.Connected() })
	_, err = bob.Append(soon(t), subj(schemas.KindIntent, "bob"), []byte("x"))
	wantErr(t, err, ErrUnreachable)
	if head := w.ledgerHead(Ledger); head != last {
		t.Errorf("ledger grew to %d after bob was removed", head)
	}
	if _, err := Connect(soon(t), ConnConfig{URL: w.url(), Seed: w.cast.seeds["bob"], Zone: zone, Name: "bob"}); err == nil {
		t.Error("bob connected again")
	}
	if err := w.server.Reload([]Participant{{}}); err == nil {
		t.Error("a bad list was loaded")
	}
	w.append(alice, subj(schemas.KindIntent, "alice"), "4")
}

func portOf(t *testing.T, s *Server) int {
	t.Helper()
	var port int
	for _, c := range s.URL()[strings.LastIndexByte(s.URL(), ':')+1:] {
		port = port*10 + int(c-'0')
	}
	return port
}

func TestConnectRefuses(t *testing.T) {
	w := newWorld(t, nil)
	_, strange := newUser(t)
	for name, cfg := range map[string]ConnConfig{
		"nothing":     {},
		"no seed":     {Server: w.server},
		"bad seed":    {Server: w.server, Seed: []byte("SUBAD")},
		"two targets": {Server: w.server, URL: w.url(), Seed: strange},
		"bad zone":    {Server: w.server, Seed: strange, Zone: "*"},
		"stranger":    {Server: w.server, Seed: strange, Zone: zone},
		"by socket":   {URL: w.url(), Seed: strange, Zone: zone},
	} {
		// Of a pipe within this process nobody can tell a refusal from a server that is
		// busy: it is tried until time is over.
		ctx, cancel := context.WithTimeout(t.Context(), 3*refusedFor)
		c, err := Connect(ctx, cfg)
		cancel()
		if err == nil {
			c.Close()
			t.Errorf("%s: connected", name)
		}
	}
	if nc, err := nats.Connect(w.url()); err == nil {
		nc.Close()
		t.Error("an anonymous client connected")
	}
}
