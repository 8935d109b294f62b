package streams

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// One record at a time, from append to delivery: through the accounts and
// Follow, and beside it what JetStream does bare: the same store, an append by
// a user of FABRIC and an ordered consumer in FABRIC.
func BenchmarkRoundTrip(b *testing.B) {
	for _, tcp := range []bool{false, true} {
		where := "inprocess"
		if tcp {
			where = "tcp"
		}
		b.Run("governed/"+where, func(b *testing.B) { benchGoverned(b, tcp) })
		b.Run("bare/"+where, func(b *testing.B) { benchBare(b, tcp) })
	}
}

func benchGoverned(b *testing.B, tcp bool) {
	w := newWorld(b, wide)
	w.tcp = tcp
	alice, enf := w.connect("alice"), w.connect("enf")
	got := make(chan uint64, 16)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = Follow(ctx, enf, FollowConfig{}, func(r Raw) uint64 { return r.Seq }, func(seq uint64, _ bool) error { got <- seq; return nil })
	}()
	data := make([]byte, 512)
	oneByOne(b, func() {
		seq, err := alice.Append(ctx, intent, data)
		must(b, err)
		if s := <-got; s != seq {
			b.Fatalf("delivered %d, want %d", s, seq)
		}
	})
	stop()
	<-ended
}

func benchBare(b *testing.B, tcp bool) {
	w := newWorld(b, wide)
	pub, sub := w.insider(b, tcp), w.insider(b, tcp)
	js, err := jetstream.New(pub)
	must(b, err)
	js2, err := jetstream.New(sub)
	must(b, err)
	cons, err := js2.OrderedConsumer(soon(b), Ledger.Name(zone), jetstream.OrderedConsumerConfig{})
	must(b, err)
	got := make(chan struct{}, 16)
	consuming, err := cons.Consume(func(jetstream.Msg) { got <- struct{}{} })
	must(b, err)
	data := make([]byte, 512)
	oneByOne(b, func() {
		_, err := js.Publish(b.Context(), intent, data)
		must(b, err)
		<-got
	})
	consuming.Stop()
}

// insider is a plain client inside FABRIC.
func (w *world) insider(b *testing.B, tcp bool) *nats.Conn {
	b.Helper()
	seed, err := w.server.admin.Seed()
	must(b, err)
	auth, err := signer(seed)
	must(b, err)
	opts := []nats.Option{auth}
	if !tcp {
		opts = append(opts, nats.InProcessServer(w.server.ns))
	}
	nc, err := nats.Connect(w.url(), opts...)
	must(b, err)
	b.Cleanup(nc.Close)
	return nc
}

// oneByOne reports the median and the 99th percentile.
func oneByOne(b *testing.B, once func()) {
	for range 200 {
		once()
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		once()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// Pipelined appends across the account border, and inside FABRIC.
func BenchmarkPipelinedAppend(b *testing.B) {
	for _, tcp := range []bool{false, true} {
		where := "inprocess"
		if tcp {
			where = "tcp"
		}
		b.Run("governed/"+where, func(b *testing.B) {
			w := newWorld(b, wide)
			w.tcp = tcp
			benchPipelined(b, w.connect("alice"))
		})
		b.Run("inside/"+where, func(b *testing.B) {
			w := newWorld(b, wide)
			seed, err := w.server.admin.Seed()
			must(b, err)
			cfg := ConnConfig{Server: w.server, Seed: seed, Zone: zone, Name: "admin"}
			if tcp {
				cfg.Server, cfg.URL = nil, w.url()
			}
			c, err := Connect(soon(b), cfg)
			must(b, err)
			b.Cleanup(c.Close)
			benchPipelined(b, c)
		})
	}
}

func benchPipelined(b *testing.B, c *Conn) {
	data := make([]byte, 512)
	failed := make(chan error, 1)
	n := 0
	for b.Loop() {
		n++
		must(b, c.AppendAsync(b.Context(), intent, data, func(_ uint64, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		}))
	}
	c.app.flush(10 * time.Second)
	for range cap(c.app.slots) {
		<-c.app.slots
	}
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "appends/s")
}

func BenchmarkCatchUp(b *testing.B) {
	w := newWorld(b, wide)
	const n = 20_000
	last := fill(b, w.connect("alice"), n, make([]byte, 512))
	enf := w.connect("enf")
	for b.Loop() {
		err := Follow(b.Context(), enf, FollowConfig{}, func(r Raw) uint64 { return r.Seq }, func(seq uint64, _ bool) error {
			if seq == last {
				return errStop
			}
			return nil
		})
		wantErr(b, err, errStop)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}
