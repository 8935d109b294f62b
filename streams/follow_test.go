package streams

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/schemas"
)

var intent = subj(schemas.KindIntent, "alice")

// fill appends n records without waiting for each.
func fill(t testing.TB, c *Conn, n int, data []byte) (last uint64) {
	t.Helper()
	type result struct {
		seq uint64
		err error
	}
	results := make(chan result, n)
	for range n {
		must(t, c.AppendAsync(soon(t), intent, data, func(seq uint64, err error) { results <- result{seq, err} }))
	}
	for range n {
		r := <-results
		must(t, r.err)
		last = max(last, r.seq)
	}
	return last
}

func TestFollowFromTheMiddle(t *testing.T) {
	w := newWorld(t, nil)
	alice, enf := w.connect("alice"), w.connect("enf")
	fill(t, alice, 10, []byte("x"))
	time.Sleep(5 * time.Millisecond)
	at := time.Now()
	last := fill(t, alice, 10, []byte("y"))

	contiguous(t, w.follow(enf, FollowConfig{FromSeq: 7}).upTo(t, last), 7)
	contiguous(t, w.follow(enf, FollowConfig{FromTime: at}).upTo(t, last), 11)
	contiguous(t, w.follow(enf, FollowConfig{FromTime: at.Add(-time.Hour), Batch: 3}).upTo(t, last), 1)

	// From behind the end, by either way: nothing until something comes.
	bySeq := w.follow(enf, FollowConfig{FromSeq: last + 1})
	byTime := w.follow(enf, FollowConfig{FromTime: time.Now().Add(time.Hour)})
	for _, tp := range []*tape{bySeq, byTime} {
		eventually(t, "live", func() bool { return tp.state() == Live })
		if got := tp.all(); len(got) > 0 {
			t.Errorf("delivered %d records of the past", len(got))
		}
		if !slices.Equal(tp.heads, []uint64{last}) {
			t.Errorf("caught up at %v, want once at %d", tp.heads, last)
		}
	}
	w.append(alice, intent, "z")
	contiguous(t, bySeq.upTo(t, last+1), last+1)
	contiguous(t, byTime.upTo(t, last+1), last+1)
}

func TestFollowAnEmptyLedger(t *testing.T) {
	w := newWorld(t, nil)
	tp := w.follow(w.connect("enf"), FollowConfig{})
	eventually(t, "live", func() bool { return tp.state() == Live })
	if !slices.Equal(tp.heads, []uint64{0}) {
		t.Errorf("caught up at %v, want once at 0", tp.heads)
	}
	contiguous(t, tp.upTo(t, w.append(w.connect("alice"), intent, "first")), 1)
	tp.stop()
	wantErr(t, tp.end(t), context.Canceled)
}

func TestFollowCatchesUpWithMany(t *testing.T) {
	w := newWorld(t, nil)
	const n = 50_000
	last := fill(t, w.connect("alice"), n, []byte("some bytes"))
	contiguous(t, w.follow(w.connect("enf"), FollowConfig{}).upTo(t, last), 1)
}

func TestFollowOtherStreams(t *testing.T) {
	w := newWorld(t, nil)
	sent, enf, rec := w.connect("sent"), w.connect("enf"), w.connect("rec")
	for i := range 12 { // more than are kept of one subject: there are holes
		w.append(enf, subj(schemas.KindHeartbeat, "enforcer.enf"), fmt.Sprint(i))
		w.append(rec, subj(schemas.KindHeartbeat, "recorder.rec"), fmt.Sprint(i))
	}
	w.append(rec, subj(schemas.KindCheckpoint, ""), "c")
	beats := w.follow(sent, FollowConfig{Stream: Heartbeats})
	last := w.append(enf, subj(schemas.KindHeartbeat, "enforcer.enf"), "newest")
	got := beats.upTo(t, last)
	if newest := got[len(got)-1]; string(newest.Data) != "newest" || len(got) < 8 || len(got) > 9 {
		t.Errorf("%d heartbeats, the newest %+v", len(got), newest)
	}
	contiguous(t, w.follow(w.connect("wit"), FollowConfig{Stream: Checkpoints}).upTo(t, 1), 1)
	if err := Follow(soon(t), sent, FollowConfig{Stream: 9}, func(Raw) int { return 0 }, func(int, bool) error { return nil }); err == nil {
		t.Error("followed a stream that does not exist")
	}
}

func TestFollowSurvivesAKilledConnection(t *testing.T) {
	w := newWorld(t, nil)
	w.tcp = true
	alice, enf := w.connect("alice"), w.connect("enf")
	tp := w.follow(enf, FollowConfig{})
	var last uint64
	for range 5 {
		fill(t, alice, 100, []byte("x"))
		id, err := enf.nc.GetClientID()
		must(t, err)
		must(t, w.server.ns.DisconnectClientByID(id))
		last = fill(t, alice, 100, []byte("y"))
		eventually(t, "connected again", func() bool {
			now, err := enf.nc.GetClientID()
			return err == nil && now != id && enf.Connected()
		})
	}
	contiguous(t, tp.upTo(t, last), 1)
	eventually(t, "live again", func() bool { return tp.state() == Live })
	if !slices.Contains(tp.states, Disconnected) {
		t.Errorf("states are %v: the loss was not told", tp.states)
	}
}

func TestFollowSurvivesARestart(t *testing.T) {
	w := newWorld(t, nil)
	w.tcp = true
	enf := w.connect("enf")
	tp := w.follow(enf, FollowConfig{})
	fill(t, w.connect("alice"), 100, []byte("x"))
	tp.upTo(t, 100)
	w.restart(t, nil)
	eventually(t, "disconnect told", func() bool { return slices.Contains(tp.snapshot(), Disconnected) })
	last := fill(t, w.connect("alice"), 100, []byte("y"))
	contiguous(t, tp.upTo(t, last), 1)
	eventually(t, "live again", func() bool { return tp.state() == Live })
}

// restart stops the server, lets between change the store, and starts it again on the same port.
func (w *world) restart(t *testing.T, between func(store string)) {
	t.Helper()
	cfg := w.server.cfg
	cfg.Port = portOf(t, w.server)
	w.server.Shutdown()
	if between != nil {
		between(cfg.StoreDir)
	}
	w.start(cfg, nil)
}

func (tp *tape) snapshot() []State {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clone(tp.states)
}

// A store restored from an old copy is noticed, whether it is shorter than
// what was read or has grown past it with other records.
func TestFollowNoticesAnOldCopy(t *testing.T) {
	for _, grown := range []bool{false, true} {
		t.Run(fmt.Sprintf("grown=%v", grown), func(t *testing.T) {
			w := newWorld(t, nil)
			w.tcp = true
			store := w.server.cfg.StoreDir
			fill(t, w.connect("alice"), 5, []byte("x"))
			old := t.TempDir()
			w.restart(t, func(string) { must(t, os.CopyFS(old+"/copy", os.DirFS(store))) })
			tp := w.follow(w.connect("enf"), FollowConfig{})
			tp.upTo(t, fill(t, w.connect("alice"), 5, []byte("lost")))
			w.restart(t, func(store string) {
				must(t, os.RemoveAll(store))
				must(t, os.CopyFS(store, os.DirFS(old+"/copy")))
			})
			if grown {
				fill(t, w.connect("alice"), 20, []byte("other"))
			}
			wantErr(t, tp.end(t), ErrRegressed, "LEDGER_z", "position 10")
			if got := tp.all(); got[len(got)-1].Seq != 10 {
				t.Errorf("delivered %d records of the other history", len(got)-10)
			}
			// A service that starts with a position ahead of the store is told too.
			if !grown {
				wantErr(t, w.follow(w.connect("exec"), FollowConfig{FromSeq: 11}).end(t), ErrRegressed)
			}
		})
	}
}

func TestFollowNoticesAHole(t *testing.T) {
	w := newWorld(t, func(c *ServerConfig) { c.Zones = nil })
	js, err := w.admin().nc.JetStream()
	must(t, err)
	weak := Ledger.settings(ZoneConfig{Zone: zone})
	weak.DenyDelete, weak.DenyPurge = false, false
	_, err = js.AddStream(weak)
	must(t, err)
	fill(t, w.connect("alice"), 6, []byte("x"))
	must(t, js.DeleteMsg(weak.Name, 3))
	must(t, js.DeleteMsg(weak.Name, 4))
	tp := w.follow(w.connect("enf"), FollowConfig{})
	err = tp.end(t)
	wantErr(t, err, ErrMissing, "LEDGER_z", "3 to 4")
	var missing *MissingError
	if !errors.As(err, &missing) || missing.From != 3 || missing.To != 4 {
		t.Errorf("missing is %+v", missing)
	}
	contiguous(t, tp.all(), 1)
	if n := len(tp.all()); n != 2 {
		t.Errorf("%d records delivered, want those before the hole", n)
	}
	_, err = Read(soon(t), w.connect("enf"), ReadConfig{}, func(Raw) error { return nil })
	wantErr(t, err, ErrMissing, "3 to 4")
	_, err = w.connect("enf").Get(soon(t), 3)
	wantErr(t, err, ErrMissing)
	if head, err := w.connect("enf").Last(soon(t)); err != nil || head != 6 {
		t.Errorf("last is %d, %v; want 6", head, err)
	}
}

// Announcements beyond what a slow follower may queue are dropped, by number or by
// size. That is noticed, and nothing is lost: they are read by position.
func TestFollowSlowly(t *testing.T) {
	for name, load := range map[string]struct{ records, size int }{
		"too many":  {liveMessages + 1000, 8},
		"too large": {liveBytes>>20 + 26, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			alice, enf := w.connect("alice"), w.connect("enf")
			dropped := make(chan struct{}, 1)
			defer enf.listen(func(e connEvent) {
				if e == eventDropped {
					select {
					case dropped <- struct{}{}:
					default:
					}
				}
			})()
			begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			var got []Raw
			go func() {
				done <- Follow(soon(t), enf, FollowConfig{}, func(r Raw) Raw { return r }, func(r Raw, _ bool) error {
					if len(got) == 0 {
						close(begun)
						<-goOn
					}
					r.Data = nil
					if got = append(got, r); len(got) == load.records+1 {
						return errStop
					}
					return nil
				})
			}()
			w.append(alice, intent, "first")
			<-begun
			fill(t, alice, load.records, make([]byte, load.size))
			<-dropped
			close(goOn)
			wantErr(t, <-done, errStop)
			contiguous(t, got, 1)
		})
	}
}

// A follower that reads nothing costs little memory, for there may be thousands.
func TestAFollowersQueuesAreSmall(t *testing.T) {
	w := newWorld(t, nil)
	enf := w.connect("enf")
	const followers, each = 64, 128 << 10 // bytes
	before := heapInUse()
	for range followers {
		tp := w.follow(enf, FollowConfig{})
		eventually(t, "live", func() bool { return tp.state() == Live })
	}
	if grown := heapInUse() - before; grown > followers*each {
		t.Errorf("%d idle followers hold %d KiB, %d KiB each", followers, grown>>10, grown>>10/followers)
	}
}

// heapInUse is what is reachable, in bytes.
func heapInUse() int {
	runtime.GC()
	runtime.GC() // pools give up what they hold in the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

var errStop = errors.New("stop")

// more is false at the last record of every delivery, so that whoever flushes then never waits for ever.
func TestFollowFlushPoints(t *testing.T) {
	w := newWorld(t, nil)
	alice, enf := w.connect("alice"), w.connect("enf")
	last := fill(t, alice, 2000, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lastMore bool
	flushes := 0
	err := Follow(ctx, enf, FollowConfig{}, func(r Raw) uint64 { return r.Seq }, func(seq uint64, more bool) error {
		lastMore = more
		if !more {
			flushes++
		}
		if seq == last && !more {
			return errStop
		}
		return nil
	})
	wantErr(t, err, errStop)
	if lastMore || flushes == 0 || flushes > 1000 {
		t.Errorf("%d flush points in %d records", flushes, last)
	}
}

func TestFollowEnds(t *testing.T) {
	w := newWorld(t, nil)
	enf := w.connect("enf")
	tp := w.follow(enf, FollowConfig{})
	eventually(t, "live", func() bool { return tp.state() == Live })
	enf.Close()
	wantErr(t, tp.end(t), ErrClosed)
	enf.Close() // again
	err := Follow(soon(t), enf, FollowConfig{}, func(Raw) int { return 0 }, func(int, bool) error { return nil })
	wantErr(t, err, ErrClosed)
	if err := w.follow(w.admin(), FollowConfig{Stream: -1}).end(t); err == nil {
		t.Error("followed stream -1")
	}
}

func TestReadRanges(t *testing.T) {
	w := newWorld(t, nil)
	alice, enf := w.connect("alice"), w.connect("enf")
	if last, err := Read(soon(t), enf, ReadConfig{}, func(Raw) error { return errStop }); err != nil || last != 0 {
		t.Errorf("empty ledger: %d, %v", last, err)
	}
	if head, err := enf.Last(soon(t)); err != nil || head != 0 {
		t.Errorf("last of an empty ledger: %d, %v", head, err)
	}
	fill(t, alice, 30, []byte("x"))
	w.append(alice, subj(schemas.KindCredential, "alice"), "c")
	for _, tc := range []struct {
		cfg      ReadConfig
		from, n  int
		coversTo uint64
	}{
		{ReadConfig{}, 1, 31, 31},
		{ReadConfig{From: 5, To: 9}, 5, 5, 9},
		{ReadConfig{From: 30, To: 99}, 30, 2, 31},
		{ReadConfig{From: 99}, 0, 0, 31},
		{ReadConfig{Filter: intent, To: 7}, 1, 7, 7},
		{ReadConfig{Filter: subj(schemas.KindCredential, "*")}, 31, 1, 31},
		{ReadConfig{Filter: subj(schemas.KindGovernance, "")}, 0, 0, 31},
	} {
		var got []Raw
		last, err := Read(soon(t), enf, tc.cfg, func(r Raw) error { got = append(got, r); return nil })
		must(t, err)
		if len(got) != tc.n || last != tc.coversTo {
			t.Errorf("%+v: %d records up to %d, want %d up to %d", tc.cfg, len(got), last, tc.n, tc.coversTo)
		}
		contiguous(t, got, uint64(tc.from))
	}
	if _, err := Read(soon(t), enf, ReadConfig{}, func(Raw) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("error of each: %v", err)
	}
	if _, err := Read(soon(t), enf, ReadConfig{Filter: "heartbeat.z.>"}, nil); err == nil {
		t.Error("read a filter of another stream")
	}
	for _, seq := range []uint64{0, 99} {
		if _, err := enf.Get(soon(t), seq); err == nil {
			t.Errorf("got position %d", seq)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := w.connect("bob").Last(short); err == nil {
		t.Error("an agent read the ledger")
	}
}
