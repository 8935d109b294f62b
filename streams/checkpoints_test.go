package streams

import (
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Whoever may read checkpoints hears each once, in order; nobody else hears any.
func TestCheckpointsReachWhoMayReadThem(t *testing.T) {
	w := newWorld(t, nil)
	var mu sync.Mutex
	heard := map[string][]string{}
	conns := map[string]*Conn{}
	for name := range roles {
		conns[name] = w.connect(name)
		stop, err := conns[name].SubscribeCheckpoints(func(r Raw) {
			mu.Lock()
			defer mu.Unlock()
			heard[name] = append(heard[name], string(r.Data))
		})
		must(t, err)
		t.Cleanup(stop)
		must(t, conns[name].nc.Flush())
	}
	subject := subj(schemas.KindCheckpoint, "")
	w.append(conns["rec"], subject, "one")
	foreign := nats.NewMsg(subject)
	foreign.Header, foreign.Data = nats.Header{"X-Own": {"yes"}}, []byte("foreign")
	nc := w.bare("wit")
	must(t, nc.PublishMsg(foreign))
	must(t, nc.Flush())
	eventually(t, "the foreign note is stored", func() bool { return w.ledgerHead(Checkpoints) == 2 })
	w.append(conns["wit"], subject, "two")
	readers := []string{"rec", "wit", "aud", "sent", "gov"}
	for _, name := range readers {
		eventually(t, name+" hears the last", func() bool { mu.Lock(); defer mu.Unlock(); return slices.Contains(heard[name], "two") })
	}
	for name := range roles {
		must(t, conns[name].nc.Flush())
		mu.Lock()
		got := slices.Clone(heard[name])
		mu.Unlock()
		var want []string
		if slices.Contains(readers, name) {
			want = []string{"one", "two"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s heard %q, want %q", name, got, want)
		}
	}
}

func TestCheckpointsEndWithStop(t *testing.T) {
	w := newWorld(t, nil)
	rec := w.connect("rec")
	calls := make(chan string, 4)
	stop, err := rec.SubscribeCheckpoints(func(r Raw) { calls <- string(r.Data) })
	must(t, err)
	must(t, rec.nc.Flush())
	subject := subj(schemas.KindCheckpoint, "")
	w.append(rec, subject, "one")
	if got := <-calls; got != "one" {
		t.Errorf("heard %q", got)
	}
	stop()
	w.append(rec, subject, "two")
	must(t, rec.nc.Flush())
	if len(calls) > 0 {
		t.Error("heard after stop")
	}
	rec.Close()
	if _, err := rec.SubscribeCheckpoints(func(Raw) {}); err == nil {
		t.Error("a closed connection hears")
	}
}

func TestLastCheckpoint(t *testing.T) {
	w := newWorld(t, nil)
	rec, aud := w.connect("rec"), w.connect("aud")
	if _, found, err := aud.LastCheckpoint(soon(t)); found || err != nil {
		t.Errorf("none yet: %v, %v", found, err)
	}
	subject := subj(schemas.KindCheckpoint, "")
	w.append(rec, subject, "one")
	seq := w.append(rec, subject, "two")
	got, found, err := aud.LastCheckpoint(soon(t))
	if err != nil || !found || got.Seq != seq || string(got.Data) != "two" || got.Subject != subject || got.Time.IsZero() {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
}
