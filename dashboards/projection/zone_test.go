package projection

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// reader is a projection of a real ledger, and how often it connected.
type reader struct {
	*feedtest.World
	*Projection
	t         *testing.T
	connected atomic.Int64
	conn      atomic.Pointer[streams.Conn] // the newest
}

func read(t *testing.T, intents, remember int) *reader {
	t.Helper()
	r := &reader{World: feedtest.New(t), t: t}
	r.Introduce("alice", "s1")
	r.Pulse()
	for i := range intents {
		r.World.Propose(strconv.Itoa(i), time.Minute)
	}
	over := &fabric.Fabric{Zone: feedtest.ZoneName, Ledger: r.Zone.Ledger}
	r.Projection = New(Config{Fabric: over, Intents: remember, Connect: func(context.Context) (*streams.Conn, error) {
		r.connected.Add(1)
		conn := r.Connect("a1")
		r.conn.Store(conn)
		return conn, nil
	}})
	t.Cleanup(r.Close)
	return r
}

// look is what an answer rests on, and how many intents it knows.
func (r *reader) look() (held Held, intents int) {
	r.t.Helper()
	err := r.Look(r.Soon(), func(v *View) error {
		page, err := v.Search(history.Query{})
		held, intents = v.Held, page.Total
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return held, intents
}

// TestHowFarItHasReadIsSaidWhileItReads: nobody takes the beginning of a ledger for all of it.
func TestHowFarItHasReadIsSaidWhileItReads(t *testing.T) {
	r := read(t, 5, 0)
	stop, gate := r.Last()-2, make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	r.read = func(p *ledger.Parsed) history.Ahead {
		if p.Seq == stop {
			<-gate
		}
		return history.Read(p)
	}
	var held Held
	var intents int
	r.Eventually("what stands before is read", func() bool { held, intents = r.look(); return held.Position == stop-1 })
	if !held.Reading || held.Newest != r.Last() || held.Full != "" || intents != 2 {
		t.Errorf("%+v, %d intents", held, intents)
	}
	open()
	r.Eventually("all of it is read", func() bool { held, intents = r.look(); return !held.Reading })
	if held.Position != held.Newest || held.Newest != r.Last() || intents != 5 {
		t.Errorf("%+v, %d intents", held, intents)
	}
}

// TestALedgerWithTooManyIntentsIsIncomplete: it is shown up to there, says so, stays so
// while the ledger grows, and is not read again.
func TestALedgerWithTooManyIntentsIsIncomplete(t *testing.T) {
	r := read(t, 5, 2)
	var held Held
	var intents int
	r.Eventually("it is full", func() bool { held, intents = r.look(); return held.Full != "" })
	full := held
	if held.Reading || held.Position != r.Last()-3 || held.Newest != r.Last() || intents != 2 || !strings.Contains(held.Full, "--remember") {
		t.Errorf("%+v, %d intents", held, intents)
	}
	r.Pulse()
	full.Newest++
	if held, intents = r.look(); held != full || intents != 2 || r.connected.Load() != 1 {
		t.Errorf("%+v, want %+v; %d intents, connected %d times", held, full, intents, r.connected.Load())
	}
}

// TestWhatNobodyAsksForIsForgotten: the follower lets go of ledger and memory after the
// last who asked, not before; who asks later gets a new one, which reads anew.
func TestWhatNobodyAsksForIsForgotten(t *testing.T) {
	r := read(t, 2, 0)
	r.idle = 2 * time.Second
	r.Eventually("somebody asks for longer than it waits, without a pause", func() bool {
		begun := r.connected.Load()
		for began, last := time.Now(), time.Now(); time.Since(last) < r.idle/2; time.Sleep(10 * time.Millisecond) {
			last = time.Now()
			if r.look(); time.Since(began) > 2*r.idle {
				if r.connected.Load() > begun+1 {
					t.Error("it ends while somebody asks")
				}
				return true
			}
		}
		return false // this machine had no time: no proof
	})
	before, first := r.connected.Load(), r.conn.Load()
	r.Eventually("it has let go", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.current == nil
	})
	r.Eventually("its connection is closed", func() bool { _, err := first.Last(r.Soon()); return err != nil })
	r.World.Propose("meanwhile", time.Minute)
	if held, intents := r.look(); held.Reading || held.Position != r.Last() || intents != 3 || r.connected.Load() != before+1 {
		t.Errorf("%+v, %d intents, connected %d times", held, intents, r.connected.Load())
	}
}
