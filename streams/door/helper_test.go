package door

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const longEnough = 60 * time.Second

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for until := time.Now().Add(longEnough); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it never came about: %s", what)
		}
	}
}

// user is a key and its owner.
type user struct {
	Guest
	pair nkeys.KeyPair
}

func newUser(t testing.TB, name string, trusted bool) user {
	t.Helper()
	pair, err := nkeys.CreateUser()
	must(t, err)
	key, err := pair.PublicKey()
	must(t, err)
	return user{Guest{Name: name, Key: key, Trusted: trusted}, pair}
}

// house is a server that does not listen, with a door before it.
type house struct {
	t      testing.TB
	server *server.Server
	door   *Door
	users  map[string]user
}

// newHouse lets in agents alice and bob and the trusted carol.
func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, users: map[string]user{
		"alice": newUser(t, "alice", false), "bob": newUser(t, "bob", false), "carol": newUser(t, "carol", true),
	}}
	h.server = startServer(t, h.users, true)
	cfg := Config{
		Address: "127.0.0.1:0", Dial: h.server.InProcessConn, Guests: h.guests(), Limits: DefaultLimits,
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	d, err := Open(cfg)
	must(t, err)
	t.Cleanup(d.Close)
	h.door = d
	return h
}

func startServer(t testing.TB, users map[string]user, silent bool) *server.Server {
	t.Helper()
	var keys strings.Builder
	for _, u := range users {
		fmt.Fprintf(&keys, "{nkey: %s}, ", u.Key)
	}
	options := &server.Options{}
	must(t, options.ProcessConfigString(fmt.Sprintf("host: 127.0.0.1\nport: -1\nauthorization { users: [%s] }", keys.String())))
	options.DontListen, options.NoLog, options.NoSigs = silent, true, true
	ns, err := server.NewServer(options)
	must(t, err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(longEnough) {
		t.Fatal("the server does not start")
	}
	return ns
}

func (h *house) guests() []Guest {
	var all []Guest
	for _, u := range h.users {
		all = append(all, u.Guest)
	}
	return all
}

func (h *house) options(name string) []nats.Option {
	u := h.users[name]
	return []nats.Option{nats.Nkey(u.Key, u.pair.Sign), nats.Timeout(longEnough), nats.NoReconnect()}
}

// connect is an ordinary client of a user.
func (h *house) connect(name string, more ...nats.Option) *nats.Conn {
	h.t.Helper()
	nc, err := nats.Connect(h.door.URL(), append(h.options(name), more...)...)
	must(h.t, err)
	h.t.Cleanup(nc.Close)
	return nc
}

// dial is a bare connection, before anything was said.
func (h *house) dial() net.Conn {
	h.t.Helper()
	var dialer net.Dialer
	c, err := dialer.DialContext(context.Background(), "tcp", h.door.Addr().String())
	must(h.t, err)
	h.t.Cleanup(func() { _ = c.Close() })
	must(h.t, c.SetDeadline(time.Now().Add(longEnough)))
	return c
}

func (h *house) visitor(name string) Visitor {
	h.t.Helper()
	for _, v := range h.door.Seen() {
		if v.Name == name {
			return v
		}
	}
	h.t.Fatalf("the door does not know %s", name)
	return Visitor{}
}
