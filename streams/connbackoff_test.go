package streams

import (
	"sync"
	"testing"
	"time"
)

// TestReconnectsSpread: of many clients that lose their server at one moment, no
// short time sees more than a part, once each has tried it once.
func TestReconnectsSpread(t *testing.T) {
	const (
		clients, rounds = 2000, 8
		window          = 50 * time.Millisecond
		part            = clients / 3
	)
	lost := time.Now()
	for round := 2; round <= rounds; round++ {
		attempts := map[time.Duration]int{}
		for range clients {
			var b backoff
			b.connected(lost.Add(-time.Hour))
			var at time.Duration
			for n := 1; n <= round; n++ {
				wait := b.delay(n, lost.Add(at))
				if wait > longestWait+time.Millisecond || n == 1 && wait != 0 || n > 1 && wait <= 0 {
					t.Fatalf("round %d waits for %v", n, wait)
				}
				at += wait
			}
			attempts[at/window]++
		}
		for at, n := range attempts {
			if round > 2 && n > part {
				t.Errorf("round %d: %d of %d clients try within %v from %v on", round, n, clients, window, at*window)
			}
		}
	}
}

// TestADroppedClientPauses: a server that takes clients and drops them is not asked
// again without a pause.
func TestADroppedClientPauses(t *testing.T) {
	var b backoff
	now := time.Now()
	if wait := b.delay(1, now); wait != 0 {
		t.Errorf("before any connection it waits for %v", wait)
	}
	b.connected(now)
	if wait := b.delay(1, now.Add(time.Millisecond)); wait <= 0 {
		t.Error("a connection that was lost at once is made again without a pause")
	}
	if wait := b.delay(1, now.Add(stoodLong)); wait != 0 {
		t.Errorf("a connection that stood is missed for %v", wait)
	}
}

// TestEveryClientComesBack: the server is gone for some rounds, then all of its many
// clients find it again.
func TestEveryClientComesBack(t *testing.T) {
	w := newWorld(t, nil)
	w.tcp = true
	conns := make([]*Conn, 40)
	for i := range conns {
		conns[i] = w.connect("enf")
	}
	w.restart(t, nil)
	for _, c := range conns {
		eventually(t, "every client is back", c.Connected)
	}
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			if _, err := c.Last(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
