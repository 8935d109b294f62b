package door

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

func TestWhoIsAGuestComesIn(t *testing.T) {
	h := newHouse(t, nil)
	carol := h.connect("carol")
	_, err := carol.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	must(t, err)
	must(t, carol.Flush())
	alice := h.connect("alice")
	for _, size := range []int{0, 1, 4096, 100_000, 1 << 20} {
		data := make([]byte, size)
		reply, err := alice.Request("echo", data, longEnough)
		must(t, err)
		if len(reply.Data) != size {
			t.Errorf("%d bytes came back of %d", len(reply.Data), size)
		}
	}
	v := h.visitor("alice")
	if v.Connections != 1 || v.Trusted || v.Bytes < 1<<20 || v.Messages < 5 {
		t.Errorf("alice was seen as %+v", v)
	}
	if v := h.visitor("carol"); !v.Trusted || v.Bytes != 0 {
		t.Errorf("carol was seen as %+v", v)
	}
}

// greeted reads the server's INFO from a bare connection.
func greeted(t testing.TB, c net.Conn) (r *bufio.Reader, nonce string) {
	t.Helper()
	r = bufio.NewReader(c)
	line, err := r.ReadString('\n')
	must(t, err)
	var info struct {
		Nonce string `json:"nonce"`
	}
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info))
	return r, info.Nonce
}

// ended reports that the other side closed the connection, and what it said last.
func ended(t testing.TB, r *bufio.Reader) (last string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the connection was not ended")
			}
			return last
		}
		last = line
	}
}

func TestWhoIsNoGuestStaysOutside(t *testing.T) {
	h := newHouse(t, nil)
	stranger := newUser(t, "stranger", false)
	connect := func(u user, key, nonce string) string {
		sig, err := u.pair.Sign([]byte(nonce))
		must(t, err)
		return fmt.Sprintf("CONNECT {\"nkey\":%q,\"sig\":%q}\r\n", key, base64.RawURLEncoding.EncodeToString(sig))
	}
	alice := h.users["alice"]
	tests := map[string]func(nonce string) string{
		"an unknown key":                func(nonce string) string { return connect(stranger, stranger.Key, nonce) },
		"a guest's key, another's hand": func(nonce string) string { return connect(stranger, alice.Key, nonce) },
		"another nonce":                 func(string) string { return connect(alice, alice.Key, "yesterday's") },
		"no key":                        func(string) string { return "CONNECT {}\r\n" },
		"no signature":                  func(string) string { return fmt.Sprintf("CONNECT {\"nkey\":%q}\r\n", alice.Key) },
		"a signature that is none":      func(string) string { return fmt.Sprintf("CONNECT {\"nkey\":%q,\"sig\":\"!\"}\r\n", alice.Key) },
		"a password":                    func(string) string { return "CONNECT {\"user\":\"a\",\"pass\":\"b\"}\r\n" },
		"no JSON":                       func(string) string { return "CONNECT alice\r\n" },
		"no CONNECT":                    func(string) string { return "PING\r\n" },
		"nothing":                       func(string) string { return "\r\n" },
		"a long CONNECT":                func(string) string { return "CONNECT {" + strings.Repeat(" ", maxLine) + "}\r\n" },
		"another protocol":              func(string) string { return "GET / HTTP/1.1\r\n" },
	}
	for name, says := range tests {
		t.Run(name, func(t *testing.T) {
			c := h.dial()
			r, nonce := greeted(t, c)
			_, err := c.Write([]byte(says(nonce)))
			must(t, err)
			if last := ended(t, r); last != "" && !strings.HasPrefix(last, "-ERR 'Authorization Violation'") {
				t.Errorf("it heard %q", last)
			}
		})
	}
	for _, v := range h.door.Seen() {
		if v.Connections != 0 || v.Messages != 0 {
			t.Errorf("it counts for %+v", v)
		}
	}
	if _, err := nats.Connect(h.door.URL(), nats.Nkey(stranger.Key, stranger.pair.Sign)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a client hears %v", err)
	}
}

// TestTheOtherAlphabetOfBase64: the server takes it, so does the door.
func TestTheOtherAlphabetOfBase64(t *testing.T) {
	h := newHouse(t, nil)
	alice := h.users["alice"]
	for range 8 { // most signatures have a character of one alphabet only
		c := h.dial()
		r, nonce := greeted(t, c)
		sig, err := alice.pair.Sign([]byte(nonce))
		must(t, err)
		_, err = fmt.Fprintf(c, "CONNECT {\"nkey\":%q,\"sig\":%q}\r\nPING\r\n", alice.Key, base64.StdEncoding.EncodeToString(sig))
		must(t, err)
		for line := ""; line != "PONG\r\n"; {
			line, err = r.ReadString('\n')
			must(t, err)
		}
		must(t, c.Close())
		eventually(t, "it is gone", func() bool { return h.visitor("alice").Connections == 0 })
	}
}

func TestWhoSpeaksOtherwiseIsThrownOut(t *testing.T) {
	h := newHouse(t, nil)
	for name, says := range map[string]string{
		"another word":  "HELLO\r\n",
		"a CONNECT":     "CONNECT {}\r\n",
		"a split line":  "PUB a 5\nhello\r\n",
		"a long line":   "SUB " + strings.Repeat("a", 2*maxLine),
		"too large":     "PUB a 99999999\r\n",
		"a bad payload": "PUB a 1\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, r := h.login("alice")
			_, err := c.Write([]byte(says))
			must(t, err)
			// What the client had still to send may reset the connection before it
			// has read why it ends.
			if last := ended(t, r); last != "" && !strings.HasPrefix(last, "-ERR") {
				t.Errorf("it heard %q", last)
			}
		})
	}
	eventually(t, "all are gone", func() bool { return h.visitor("alice").Connections == 0 })
}

// login is a bare connection that has proved its key.
func (h *house) login(name string) (net.Conn, *bufio.Reader) {
	h.t.Helper()
	c := h.dial()
	r, nonce := greeted(h.t, c)
	u := h.users[name]
	sig, err := u.pair.Sign([]byte(nonce))
	must(h.t, err)
	_, err = fmt.Fprintf(c, "CONNECT {\"nkey\":%q,\"sig\":%q,\"verbose\":false,\"headers\":true}\r\nPING\r\n", u.Key, base64.RawURLEncoding.EncodeToString(sig))
	must(h.t, err)
	for line := ""; line != "PONG\r\n"; {
		line, err = r.ReadString('\n')
		must(h.t, err)
	}
	return c, r
}

// TestAnAgentWaits: what an agent sends beyond its limits takes as long as they
// say, however many connections it uses; others do not wait.
func TestAnAgentWaits(t *testing.T) {
	tests := map[string]struct {
		limits  func(*Limits)
		says    string
		times   int // on each of two connections
		seconds float64
	}{
		"bytes":    {func(l *Limits) { l.Bytes = 400_000 }, "PUB a 9986\r\n" + strings.Repeat("x", 9986) + "\r\n", 40, 2},
		"messages": {func(l *Limits) { l.Messages = 1000 }, "PUB a 0\r\n\r\n", 1000, 2},
		"intents":  {func(l *Limits) { l.Intents = 100 }, "", 20, 2}, // lists of five
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *Config) {
				c.Limits.Bytes, c.Limits.Messages, c.Limits.Intents, c.Limits.Burst = math.MaxInt32, math.MaxInt32, math.MaxInt32, 10*time.Millisecond
				tt.limits(&c.Limits)
			})
			if tt.says == "" {
				list := sealed(t, 5, 100)
				tt.says = fmt.Sprintf("PUB a %d\r\n%s\r\n", len(list), list)
			}
			begin := time.Now()
			h.send(t, "alice", tt.says, tt.times, 2)
			took := time.Since(begin).Seconds()
			// Of what was sent last, each connection has up to one read on credit.
			if took < 0.4*tt.seconds {
				t.Errorf("it took %.2f s, want about %.1f", took, tt.seconds)
			}
			if v := h.visitor("alice"); v.Held == 0 {
				t.Errorf("nothing was held back: %+v", v)
			}
			h.send(t, "carol", tt.says, 10*tt.times, 2)
			if v := h.visitor("bob"); v.Held != 0 {
				t.Errorf("bob was held back: %+v", v)
			}
		})
	}
}

// send sends the same again and again on some connections, and waits until the
// server has taken it all.
func (h *house) send(t *testing.T, name, says string, times, connections int) {
	t.Helper()
	var all sync.WaitGroup
	for range connections {
		c, r := h.login(name)
		all.Go(func() {
			if _, err := c.Write([]byte(strings.Repeat(says, times) + "PING\r\n")); err != nil {
				t.Error(err)
				return
			}
			line, err := r.ReadString('\n')
			for err == nil && line == "PING\r\n" { // the server asks too, after a while
				line, err = r.ReadString('\n')
			}
			if err != nil || line != "PONG\r\n" {
				t.Errorf("%q: %v", line, err)
			}
		})
	}
	all.Wait()
}

// TestTheServerSeesWhatTheDoorCounts: of whatever is said, both count the same
// messages.
func TestTheServerSeesWhatTheDoorCounts(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Limits.Messages, c.Limits.Bytes = math.MaxInt32, math.MaxInt32 })
	says := "PUB a 0\r\n\r\nPUB\ta\t b   13\r\nPUB a 0\r\n\r\nPI\r\npub a 3 \r\n\r\n\r\r\nHPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n"
	const times = 500
	h.send(t, "alice", says, times, 1)
	stats, err := h.server.Varz(nil)
	must(t, err)
	if v := h.visitor("alice"); v.Messages != 4*times+2 || stats.InMsgs != 4*times { // and two pings
		t.Errorf("the door counts %d messages, the server %d; want %d and %d", v.Messages, stats.InMsgs, 4*times+2, 4*times)
	}
}

func TestTooManyConnections(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Limits.Connections = 2 })
	one, _ := h.login("alice")
	_, _ = h.login("alice")
	_, err := nats.Connect(h.door.URL(), h.options("alice")...)
	if !errors.Is(err, nats.ErrMaxAccountConnectionsExceeded) {
		t.Errorf("the third is told %v", err)
	}
	if v := h.visitor("alice"); v.Connections != 2 || v.Refused != 1 {
		t.Errorf("alice was seen as %+v", v)
	}
	h.connect("bob")
	must(t, one.Close())
	eventually(t, "a place is free again", func() bool { return h.visitor("alice").Connections == 1 })
	h.connect("alice")
}

// TestWhoDoesNotReadHoldsUpNobody: alice subscribes and does not read; what carol
// publishes meanwhile reaches bob, and alice's connection ends at its bound.
func TestWhoDoesNotReadHoldsUpNobody(t *testing.T) {
	h := newHouse(t, nil)
	c, r := h.login("alice")
	_, err := c.Write([]byte("SUB news 1\r\nPING\r\n"))
	must(t, err)
	_, err = r.ReadString('\n')
	must(t, err)
	bob, carol := h.connect("bob"), h.connect("carol")
	news, err := bob.SubscribeSync("news")
	must(t, err)
	must(t, bob.Flush())
	data := make([]byte, 256<<10)
	const rounds = 200 // 50 MB: more than sockets and bound hold together
	for i := range rounds {
		begin := time.Now()
		must(t, carol.Publish("news", data))
		_, err := news.NextMsg(longEnough)
		must(t, err)
		if took := time.Since(begin); took > longEnough/2 {
			t.Fatalf("number %d took %v", i, took)
		}
	}
	eventually(t, "alice is thrown out", func() bool {
		v := h.visitor("alice")
		return v.Unread == 1 && v.Connections == 0
	})
	if v := h.visitor("bob"); v.Unread != 0 || v.Connections != 1 {
		t.Errorf("bob was seen as %+v", v)
	}
}

func TestTheLobbyIsSmall(t *testing.T) {
	h := newHouse(t, nil)
	first := h.dial()
	r, _ := greeted(t, first)
	for range places {
		greeted(t, h.dial())
	}
	ended(t, r)        // the first had to go
	h.connect("alice") // and an honest one comes through
}

func TestAnAddressHasItsPace(t *testing.T) {
	p, now := newPace(), time.Unix(1000, 0)
	one, other := addressOf(fake{"192.0.2.1:4000"}), addressOf(fake{"[2001:db8::1]:4000"})
	for i := range arrivalsBurst {
		if !p.admits(one, now) {
			t.Fatalf("connection %d of a burst is sent away", i)
		}
	}
	if p.admits(one, now) {
		t.Error("one more than the burst is let in")
	}
	if !p.admits(other, now) {
		t.Error("another address pays for it")
	}
	if now = now.Add(time.Second / arrivals); !p.admits(one, now) || p.admits(one, now) {
		t.Error("after a moment there is room for exactly one")
	}
	for i := range 2 * mostAddresses {
		p.admits(addressOf(fake{fmt.Sprintf("10.%d.%d.1:1", i/256, i%256)}), now)
	}
	if len(p.addresses) > mostAddresses+1 {
		t.Errorf("%d addresses are remembered", len(p.addresses))
	}
	now = now.Add(time.Hour)
	p.admits(addressOf(fake{"198.51.100.1:1"}), now)
	if len(p.addresses) > 2 {
		t.Errorf("%d addresses are remembered after an hour of silence", len(p.addresses))
	}
	if p.admits(addressOf(fake{"pipe"}), now); len(p.addresses) == 0 {
		t.Error("who has no address has no bucket")
	}
}

// fake is an address.
type fake struct{ from string }

func (fake) Network() string  { return "tcp" }
func (f fake) String() string { return f.from }

func TestWhoIsNoGuestAnyMoreMustGo(t *testing.T) {
	h := newHouse(t, nil)
	alice, bob := h.connect("alice"), h.connect("bob")
	var stay []Guest
	for _, g := range h.guests() {
		if g.Name != "alice" {
			stay = append(stay, g)
		}
	}
	dave := newUser(t, "dave", false)
	must(t, h.door.Admit(append(stay, dave.Guest)))
	eventually(t, "alice is disconnected", alice.IsClosed)
	must(t, bob.Flush())
	if _, err := nats.Connect(h.door.URL(), h.options("alice")...); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("alice comes in again: %v", err)
	}
	before := h.visitor("bob").Messages
	must(t, bob.Flush())
	if now := h.visitor("bob"); now.Messages <= before {
		t.Errorf("bob's count began anew: %d, then %d", before, now.Messages)
	}
	// Somebody who becomes an agent is one from now on.
	for i := range stay {
		stay[i].Trusted = false
	}
	carol := h.connect("carol")
	must(t, h.door.Admit(stay))
	eventually(t, "carol comes in anew", carol.IsClosed)
	for _, bad := range [][]Guest{{{Name: "x", Key: "x"}}, {bobTwice(stay[0], "x"), stay[0]}} {
		if err := h.door.Admit(bad); err == nil {
			t.Errorf("admitted: %v", bad)
		}
	}
}

func bobTwice(g Guest, name string) Guest { g.Name = name; return g }

func TestACloseEndsEverything(t *testing.T) {
	h := newHouse(t, nil)
	alice := h.connect("alice")
	waiting := h.dial()
	r, _ := greeted(t, waiting)
	h.door.Close()
	h.door.Close()
	eventually(t, "alice is disconnected", alice.IsClosed)
	ended(t, r)
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", h.door.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestAServerThatStops(t *testing.T) {
	h := newHouse(t, nil)
	alice := h.connect("alice")
	h.server.Shutdown()
	eventually(t, "alice is disconnected", alice.IsClosed)
	if _, err := nats.Connect(h.door.URL(), h.options("alice")...); err == nil {
		t.Error("a client connects to a server that has stopped")
	}
}

func TestADoorWithAHoleDoesNotOpen(t *testing.T) {
	alice := newUser(t, "alice", false)
	whole := Config{
		Address: "127.0.0.1:0", Dial: func() (net.Conn, error) { return nil, errors.New("no") }, Guests: []Guest{alice.Guest},
		Limits: DefaultLimits, Logger: slog.New(slog.DiscardHandler),
	}
	for name, change := range map[string]func(*Config){
		"nothing to dial": func(c *Config) { c.Dial = nil },
		"no guests":       func(c *Config) { c.Guests = nil },
		"no limits":       func(c *Config) { c.Limits = Limits{} },
		"no logger":       func(c *Config) { c.Logger = nil },
		"no address":      func(c *Config) { c.Address = "nowhere" },
		"an account's key": func(c *Config) {
			pair, err := nkeys.CreateAccount()
			must(t, err)
			key, err := pair.PublicKey()
			must(t, err)
			c.Guests = []Guest{{Name: "a", Key: key}}
		},
	} {
		cfg := whole
		change(&cfg)
		if d, err := Open(cfg); err == nil {
			d.Close()
			t.Errorf("%s: it opens", name)
		}
	}
}
