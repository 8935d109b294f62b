package streams

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/plainserver"
)

// aside is a server that is well, takes alice's key, and knows of no stream: what a
// server of a cluster is whose way to a leader is cut.
func aside(t *testing.T, w *world) string {
	t.Helper()
	key, err := nkeys.FromSeed(w.cast.seeds["alice"])
	must(t, err)
	public, err := key.PublicKey()
	must(t, err)
	return plainserver.Start(t, fmt.Sprintf("port: -1\nauthorization { users: [{nkey: %s}] }", public))
}

// connectAside connects alice so that a server which is aside is asked first.
func connectAside(t *testing.T, w *world, others ...string) *Conn {
	t.Helper()
	at := aside(t, w)
	c := w.connectWith("alice", func(cfg *ConnConfig) { cfg.Server, cfg.URL = nil, strings.Join(append([]string{at}, others...), ",") })
	eventually(t, "it is connected aside", func() bool {
		if c.nc.ConnectedUrl() == at {
			return true
		}
		must(t, c.nc.ForceReconnect())
		time.Sleep(50 * time.Millisecond)
		return false
	})
	return c
}

// TestAstray: a client whose server leads to no leader is answered by nobody for a while,
// and then by the leader, at another server.
func TestAstray(t *testing.T) {
	w := newWorld(t, nil)
	c := connectAside(t, w, w.url())
	c.astray.mu.Lock()
	c.astray.limit = 300 * time.Millisecond
	c.astray.mu.Unlock()
	begun, refused := time.Now(), 0
	eventually(t, "a record is stored", func() bool {
		_, err := c.Append(soon(t), subj(schemas.KindIntent, "alice"), []byte("x"))
		if errors.Is(err, ErrUnreachable) {
			refused++
		}
		return err == nil
	})
	if took := time.Since(begun); refused < 2 || took < 300*time.Millisecond {
		t.Errorf("it moved after %d answers of nobody and %v, before its time", refused, took)
	}
	if c.nc.ConnectedUrl() != w.url() {
		t.Errorf("it is at %s", c.nc.ConnectedUrl())
	}
}

// TestAstrayWithoutAnother: where there is no other server, nobody is sent away.
func TestAstrayWithoutAnother(t *testing.T) {
	w := newWorld(t, nil)
	c := connectAside(t, w)
	before := c.nc.Stats().Reconnects
	for range 20 {
		c.astray.mu.Lock()
		c.astray.limit = time.Nanosecond
		c.astray.mu.Unlock()
		_, err := c.Append(soon(t), subj(schemas.KindIntent, "alice"), []byte("x"))
		wantErr(t, err, ErrUnreachable)
	}
	if now := c.nc.Stats().Reconnects; now != before {
		t.Errorf("it was connected %d times more", now-before)
	}
}

// TestAstrayCounts: only a silence that lasts counts, of one stream, at one server.
func TestAstrayCounts(t *testing.T) {
	var a astray
	at := time.Now()
	never := func(what string, moves bool) {
		t.Helper()
		if moves {
			t.Errorf("%s: it moves", what)
		}
	}
	never("once", a.unanswered(Ledger, at))
	never("before the time", a.unanswered(Ledger, at.Add(astrayAfter-1)))
	never("another stream", a.unanswered(Heartbeats, at.Add(astrayAfter+astraySpread)))
	if !a.unanswered(Ledger, at.Add(astrayAfter+astraySpread)) {
		t.Error("it stays for ever")
	}
	a.answered(Ledger)
	never("answered meanwhile", a.unanswered(Ledger, at.Add(astrayAfter+astraySpread)))
	a.moved()
	never("at another server", a.unanswered(Heartbeats, at.Add(3*(astrayAfter+astraySpread))))
}
