package door

import (
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// BenchmarkRoundTrip is a request and its answer between two clients, straight
// to a server that listens and through the door, in turns: compare the lines.
func BenchmarkRoundTrip(b *testing.B) {
	for range 2 {
		b.Run("straight", func(b *testing.B) {
			h := &house{t: b, users: map[string]user{"alice": newUser(b, "alice", false), "carol": newUser(b, "carol", true)}}
			h.server = startServer(b, h.users, false)
			roundTrips(b, h, h.server.ClientURL())
		})
		b.Run("door", func(b *testing.B) {
			h := newHouse(b, func(c *Config) {
				c.Limits.Bytes, c.Limits.Messages = math.MaxInt32, math.MaxInt32
				c.Logger = slog.New(slog.DiscardHandler)
			})
			roundTrips(b, h, h.door.URL())
		})
	}
}

func roundTrips(b *testing.B, h *house, url string) {
	b.Helper()
	connect := func(name string) *nats.Conn {
		nc, err := nats.Connect(url, h.options(name)...)
		must(b, err)
		b.Cleanup(nc.Close)
		return nc
	}
	carol := connect("carol")
	_, err := carol.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	must(b, err)
	must(b, carol.Flush())
	alice, data := connect("alice"), make([]byte, 700)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		_, err := alice.Request("echo", data, longEnough)
		must(b, err)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
}
