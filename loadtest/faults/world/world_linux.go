package world

import (
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// World is a zone of real processes: three brokers, two enforcers, two executors, a sentinel and a recorder, each on a host of its
// own; agents that live in the test; and the outside. Use it from one goroutine.
type World struct {
	Fabric  *fabric.Fabric
	Brokers []*Broker
	Outside *Outside

	t          testing.TB
	net        *Network
	dir        string
	parts      map[string]*Part
	bounds     Bounds
	at         zone.Broker
	reader     *streams.Conn
	load       *load
	log        *slog.Logger
	halts      []*Halt
	exports    int  // files written
	supervised bool // parts that end are started again
}

// Bounds are the times that the release promises.
type Bounds struct {
	Start time.Duration // B
	Pulse time.Duration // the pulse limit
}

const brokers = 3

// New makes a world, starts all of it, and lets its agents act until the test ends.
func New(t testing.TB, s Settings) *World {
	t.Helper()
	w := &World{t: t, net: NewNetwork(t), dir: t.TempDir(), parts: map[string]*Part{}, log: slog.New(slog.DiscardHandler)}
	w.Outside = newOutside(t)
	size := s.Disk
	if size == "" {
		size = "512m"
	}
	var urls []string
	for i := range brokers {
		b := &Broker{Host: NewHost(w.net, "b"+string(rune('1'+i)), w.dir), w: w, number: i + 1}
		b.Disk = b.Host.Disk(filepath.Join(w.dir, "store", b.Host.Name), size)
		w.Brokers = append(w.Brokers, b)
		urls = append(urls, brokerURL(b.Host))
	}
	w.Fabric = newFabric(t, filepath.Join(w.dir, "data"), s, urls, w.Outside)
	release, err := w.Fabric.Release()
	must(t, err)
	w.bounds = Bounds{release.Bounds.Start, release.Bounds.PulseLimit}
	w.configure()
	for _, b := range w.Brokers {
		b.Restart(t)
	}
	w.Command("broker", "found")
	w.join()
	w.connect()
	t.Cleanup(w.tellOnFailure)
	w.load = newLoad(w)
	w.AwaitActions(1)
	return w
}

// join starts every part; they become ready together, for they wait for one another.
func (w *World) join() {
	w.t.Helper()
	for _, one := range []struct {
		role  string
		names []string
	}{{"recorder", []string{"r1"}}, {"sentinel", []string{"s1"}}, {"enforcer", enforcerNames}, {"executor", executorNames}} {
		for _, name := range one.names {
			p := &Part{Host: NewHost(w.net, name, w.dir), w: w, role: one.role}
			w.parts[name] = p
			p.Launch()
		}
	}
}

// Part is the participant of this name: e1, e2, x1, x2, s1 or r1.
func (w *World) Part(name string) *Part {
	w.t.Helper()
	p, ok := w.parts[name]
	if !ok {
		w.t.Fatalf("nobody is called %q", name)
	}
	return p
}

// Bounds are the times that the release promises.
func (w *World) Bounds() Bounds { return w.bounds }

// connect connects the test itself, as a governor who reads.
func (w *World) connect() {
	w.t.Helper()
	w.at = zone.Broker{URL: w.Fabric.NATS.URL}
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	defer cancel()
	var err error
	w.reader, err = zone.ConnectReader(ctx, w.Fabric, w.at, w.log)
	must(w.t, err)
	w.t.Cleanup(w.reader.Close)
}

// Command runs a subcommand of the binary under test on the zone's data folder, to its end, and returns what it wrote.
func (w *World) Command(arguments ...string) string {
	w.t.Helper()
	out, err := w.Try(arguments...)
	if err != nil {
		w.t.Fatalf("portcullis %q: %v: %s", arguments, err, out)
	}
	return out
}

// Try is Command for one that may fail.
func (w *World) Try(arguments ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*Patience)
	defer cancel()
	line := append([]string{"--json", "--data", w.Fabric.Dir}, arguments...)
	out, err := exec.CommandContext(ctx, Binary(w.t), line...).CombinedOutput() //nolint:gosec // the binary under test
	return string(out), err
}

// tellOnFailure shows the ends of all logs, and then who leads which stream.
func (w *World) tellOnFailure() {
	if !w.t.Failed() {
		return
	}
	const most = 4 << 10
	tell := func(p *Process) {
		if p != nil {
			log := p.Log()
			w.t.Logf("%s: …%s", p.Name, log[max(0, len(log)-most):])
		}
	}
	for _, b := range w.Brokers {
		tell(b.Process)
	}
	for _, p := range w.parts {
		tell(p.Process)
	}
	for _, b := range w.Brokers {
		for _, stream := range []streams.Stream{streams.Ledger, streams.Heartbeats, streams.Checkpoints} {
			w.t.Log(w.told(b, stream.Name(w.Fabric.Zone)))
		}
	}
}
