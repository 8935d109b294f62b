package streams

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// hearing is what one participant hears of heartbeats.
type hearing struct {
	mu   sync.Mutex
	raws []Raw
	stop func()
}

func hear(t testing.TB, c *Conn) *hearing {
	t.Helper()
	h := &hearing{}
	stop, err := c.SubscribeHeartbeats(func(r Raw) { h.mu.Lock(); defer h.mu.Unlock(); h.raws = append(h.raws, r) })
	must(t, err)
	h.stop = stop
	t.Cleanup(stop)
	must(t, c.nc.Flush())
	return h
}

func (h *hearing) all() []Raw {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.raws)
}

// data lists what was heard, in order.
func (h *hearing) data() string {
	var all []string
	for _, r := range h.all() {
		all = append(all, string(r.Data))
	}
	return strings.Join(all, ",")
}

func (h *hearing) upTo(t testing.TB, data string) string {
	t.Helper()
	eventually(t, data+" is heard", func() bool { return strings.HasSuffix(h.data(), data) })
	return h.data()
}

var beaters = map[string]string{"enf": "enforcer.enf", "exec": "executor.exec", "sent": "sentinel.sent", "rec": "recorder.rec"}

// Who has the right hears every heartbeat, its own too, with the broker's
// subject, position and time; nobody else hears any.
func TestHeartbeatsReachWhoMayReadThem(t *testing.T) {
	w := newWorld(t, nil)
	conns, heard := map[string]*Conn{}, map[string]*hearing{}
	for name := range roles {
		conns[name] = w.connect(name)
		heard[name] = hear(t, conns[name])
	}
	started := time.Now().Add(-time.Minute)
	want := map[uint64]Raw{}
	for _, name := range slices.Sorted(maps.Keys(beaters)) {
		subject := subj(schemas.KindHeartbeat, beaters[name])
		seq := w.append(conns[name], subject, "beat of "+name)
		want[seq] = Raw{Seq: seq, Subject: subject, Data: []byte("beat of " + name)}
	}
	w.append(conns["sent"], subj(schemas.KindPulse, ""), "no heartbeat")
	last := w.append(conns["enf"], subj(schemas.KindHeartbeat, beaters["enf"]), "last")
	want[last] = Raw{Seq: last, Subject: subj(schemas.KindHeartbeat, beaters["enf"]), Data: []byte("last")}
	readers := []string{"sent", "gov", "aud"}
	for _, name := range readers {
		heard[name].upTo(t, "last")
	}
	for name := range roles {
		must(t, conns[name].nc.Flush()) // what was sent to it before has come
		got := heard[name].all()
		if !slices.Contains(readers, name) {
			if len(got) > 0 {
				t.Errorf("%s has no right to read heartbeats and heard %d", name, len(got))
			}
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s heard %d heartbeats, want %d: %s", name, len(got), len(want), heard[name].data())
		}
		for i, r := range got {
			one := want[r.Seq]
			if one.Time = r.Time; !r.same(one) || i > 0 && r.Seq <= got[i-1].Seq {
				t.Errorf("%s heard %+v, want %+v, in order", name, r, want[r.Seq])
			}
			if r.Time.Before(started) || r.Time.After(time.Now()) {
				t.Errorf("%s heard a beat of %v", name, r.Time)
			}
		}
	}
}

// Nobody beats as another: not under another's name, nor under another role
// with its own. The broker refuses, and no reader hears of it.
func TestNobodyBeatsAsAnother(t *testing.T) {
	w := newWorld(t, nil)
	sent := w.connect("sent")
	h := hear(t, sent)
	for name := range roles {
		c := w.connect(name)
		for _, token := range []string{"enforcer.enf", "executor.exec", "sentinel.sent", "recorder.rec", "enforcer." + name, "executor." + name, "agent." + name, "enforcer", "x"} {
			if beaters[name] != token {
				checkAppend(t, w, c, subj(schemas.KindHeartbeat, token), false)
			}
		}
	}
	w.append(sent, subj(schemas.KindHeartbeat, "sentinel.sent"), "own")
	if got := h.upTo(t, "own"); got != "own" {
		t.Errorf("heard %q", got)
	}
}

// A heartbeat whose header block somebody else wrote in is not delivered, and
// nobody but the broker announces one.
func TestForgedHeartbeatsAreNotHeard(t *testing.T) {
	w := newWorld(t, nil)
	enf := w.connect("enf")
	h := hear(t, w.connect("sent"))
	own := subj(schemas.KindHeartbeat, "enforcer.enf")
	attacker := w.wire(t, "enf")
	headers := maps.Clone(evilHeaders)
	headers["of another"] = "NATS/1.0\r\nNats-Stream: HEARTBEATS_z\r\nNats-Subject: heartbeat.z.executor.exec\r\nNats-Sequence: 1\r\n" +
		"Nats-Time-Stamp: 2031-01-01T00:00:00Z\r\nNats-Last-Sequence: 0\r\n\r\n\r\n"
	before := w.ledgerHead(Heartbeats)
	for name, header := range headers {
		attacker.publish(own, header, "forged: "+name)
	}
	stored := uint64(0)
	for late := time.Now().Add(20 * time.Second); stored < 10 && time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		stored = w.ledgerHead(Heartbeats) - before // nobody acknowledges them
	}
	if stored < 10 {
		t.Fatalf("only %d were stored; the attack did not happen", stored)
	}
	for name := range roles {
		m := nats.NewMsg(livePrefix + own)
		m.Header = nats.Header{
			headerStream: {"HEARTBEATS_z"}, headerSubject: {own}, headerSequence: {"1"},
			headerTime: {"2026-01-01T00:00:00Z"}, headerPrev: {"0"},
		}
		m.Data = []byte("announced by " + name)
		nc := w.bare(name)
		must(t, nc.PublishMsg(m))
		must(t, nc.Flush())
	}
	w.append(enf, own, "honest")
	h.upTo(t, "honest")
	for _, r := range h.all() {
		if r.Foreign || r.Subject != own || r.Time.After(time.Now()) || strings.HasPrefix(string(r.Data), "announced") {
			t.Errorf("heard %+v", r)
		}
		// The broker drops or rewrites some blocks; these hold lines that it keeps.
		for _, kept := range []string{"of another", "forged", "harmless", "long", "trace"} {
			if strings.HasPrefix(string(r.Data), "forged: "+kept) {
				t.Errorf("heard a heartbeat with a header of its own: %s", r.Data)
			}
		}
	}
}

func TestHearingSurvivesARestart(t *testing.T) {
	w := newWorld(t, nil)
	w.tcp = true
	sent, enf := w.connect("sent"), w.connect("enf")
	h := hear(t, sent)
	own := subj(schemas.KindHeartbeat, "enforcer.enf")
	w.append(enf, own, "before")
	h.upTo(t, "before")
	w.restart(t, nil)
	eventually(t, "connections are back", func() bool { return sent.Connected() && enf.Connected() })
	must(t, sent.nc.Flush())
	w.append(enf, own, "after")
	if got := h.upTo(t, "after"); got != "before,after" {
		t.Errorf("heard %q", got)
	}
}

func TestHearingEnds(t *testing.T) {
	w := newWorld(t, nil)
	sent := w.connect("sent")
	ended, going := hear(t, sent), hear(t, sent)
	own := subj(schemas.KindHeartbeat, "sentinel.sent")
	w.append(sent, own, "one")
	ended.upTo(t, "one")
	ended.stop()
	ended.stop() // harmless
	for i := range 5 {
		w.append(sent, own, fmt.Sprint(i))
	}
	going.upTo(t, "4")
	if got := ended.data(); got != "one" {
		t.Errorf("heard %q after stop", got)
	}

	nowhere := w.connectWith("sent", func(c *ConnConfig) { c.Zone = "" })
	if _, err := nowhere.SubscribeHeartbeats(func(Raw) {}); err == nil {
		t.Error("a connection without a zone subscribes")
	} else {
		wantErr(t, err, err, "zone")
	}
	sent.Close()
	_, err := sent.SubscribeHeartbeats(func(Raw) {})
	wantErr(t, err, ErrClosed)
}
