package streams

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// The server (2.15.2) holds file-configured accounts to the limits of their own that
// the printed text gives: to connections and subscriptions, after a reload too.

// TestConnectionsOfAnAgent: without a door too an agent has so many and no more, and
// others have as many as they want.
func TestConnectionsOfAnAgent(t *testing.T) {
	for _, where := range []string{"external", "embedded", "reloaded"} {
		t.Run(where, func(t *testing.T) {
			var w *world
			var opts []nats.Option
			if where == "external" {
				w = newExternalWorld(t)
			} else {
				w = newWorld(t, nil)
				opts = append(opts, nats.InProcessServer(w.server.ns)) // past the door
			}
			if where == "reloaded" {
				must(t, w.server.Reload(w.cast.all))
			}
			for range mostConnections {
				w.bare("alice", opts...)
			}
			auth, err := signer(w.cast.seeds["alice"])
			must(t, err)
			// From inside the process the pipe may be closed before its last words are read.
			if _, err := nats.Connect(w.url(), append(opts, auth)...); err == nil || where == "external" && !errors.Is(err, nats.ErrMaxAccountConnectionsExceeded) {
				t.Errorf("one more connection: %v", err)
			}
			for range 2 * mostConnections {
				w.bare("enf", opts...)
			}
			w.bare("bob", opts...)
		})
	}
}

// TestSubscriptionsOfAnAgent: one connection of an agent has so many and no more.
func TestSubscriptionsOfAnAgent(t *testing.T) {
	w := newExternalWorld(t)
	subscribe := func(name string) error {
		nc := w.bare(name)
		for i := range 2 * mostSubscriptions {
			_, err := nc.SubscribeSync(fmt.Sprintf("%s.%d", inboxPrefix, i))
			must(t, err)
		}
		must(t, nc.Flush())
		return nc.LastError()
	}
	if err := subscribe("alice"); !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
		t.Errorf("an agent's: %v", err)
	}
	if err := subscribe("enf"); err != nil {
		t.Errorf("an enforcer's: %v", err)
	}
}

// TestPayloadOfAnAccount: a smaller max_payload of an account's own would hold too;
// none is printed, since an agent's largest envelope is everybody's.
func TestPayloadOfAnAccount(t *testing.T) {
	w := newEditedWorld(t, func(text string) string {
		return strings.ReplaceAll(text, "limits: {max_connections", "limits: {max_payload: 1000, max_connections")
	})
	publish := func(name, subject string) error {
		conn := w.connect(name)
		_, err := conn.Append(soon(t), subject, make([]byte, 2000))
		return err
	}
	if err := publish("alice", subj(schemas.KindIntent, "alice")); err == nil {
		t.Error("an agent's large message was taken")
	}
	must(t, publish("enf", subj(schemas.KindDecision, "files")))
}

// TestWhoDoesNotReadIsClosed: a client that reads nothing is closed by the write
// deadline, long before what waits for it is too much.
func TestWhoDoesNotReadIsClosed(t *testing.T) {
	w := newExternalWorld(t)
	ears := &ears{over: make(chan struct{})}
	deaf := w.bare("alice", nats.SetCustomDialer(ears), nats.NoReconnect())
	_, err := deaf.SubscribeSync("answer.z.alice")
	must(t, err)
	must(t, deaf.Flush())
	t.Cleanup(func() { close(ears.over) })
	ears.shut.Store(true)
	enf, data := w.bare("enf"), make([]byte, 256<<10)
	for range 128 {
		must(t, enf.Publish("answer.z.alice", data))
	}
	must(t, enf.FlushTimeout(patience))
	eventually(t, "the client that does not read is closed", func() bool {
		closed, err := w.server.ns.Connz(&server.ConnzOptions{State: server.ConnClosed})
		must(t, err)
		for _, c := range closed.Conns {
			if c.Reason == server.SlowConsumerWriteDeadline.String() {
				return true
			}
		}
		return false
	})
	if !enf.IsConnected() {
		t.Error("who published to it is gone too")
	}
}

// ears dials connections that can be made to read nothing any more.
type ears struct {
	shut atomic.Bool
	over chan struct{}
}

func (e *ears) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address) //nolint:noctx // on this machine
	return covered{c, e}, err
}

type covered struct {
	net.Conn
	ears *ears
}

func (c covered) Read(p []byte) (int, error) {
	if c.ears.shut.Load() {
		<-c.ears.over
	}
	return c.Conn.Read(p)
}

var permissions = regexp.MustCompile(`, permissions: \{publish: \{allow: \[[^]]*\]\}, subscribe: \{allow: \[[^]]*\]\}\}`)

// TestImportsHoldTheTableAlone: were the permissions of all users lost, an account
// would still store what it imports and nothing else.
func TestImportsHoldTheTableAlone(t *testing.T) {
	w := newEditedWorld(t, func(text string) string { return permissions.ReplaceAllString(text, "") })
	head := func(subject string) uint64 {
		s, _ := streamOf(zone, subject)
		return w.ledgerHead(s)
	}
	for name, may := range mayAppend {
		nc := w.bare(name)
		for _, subject := range slices.Concat(ledgerSubjects(), otherSubjects()) {
			before := head(subject)
			answer, err := nc.Request(subject, []byte("x"), patience)
			stored := err == nil && head(subject) == before+1
			if want := slices.Contains(may, subject); stored != want || !want && head(subject) != before {
				t.Errorf("%s on %s: stored %v, want %v: %v, %v", name, subject, stored, want, answer, err)
			}
		}
	}
}
