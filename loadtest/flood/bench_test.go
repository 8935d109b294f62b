//go:build load

package flood

import (
	"log/slog"
	"math"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// BenchmarkGovernedPath is one action after the other, in turns of an agent that
// connects straight to the broker over TCP and of one that comes through a door:
// compare the two medians.
func BenchmarkGovernedPath(b *testing.B) {
	o := Options{Dir: b.TempDir(), Good: 2, Rate: 1, Span: time.Second, Limits: door.DefaultLimits, Relaxed: true, Logger: slog.New(slog.DiscardHandler)}
	o.Limits.Bytes, o.Limits.Messages, o.Limits.Intents = math.MaxInt32, math.MaxInt32, math.MaxInt32
	z, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	at, err := url.Parse(z.site.zone.URL())
	if err != nil {
		b.Fatal(err)
	}
	z.site.good[1].close()
	z.site.good[1], err = join(b.Context(), z.site.fabric, goodName(1), at.Host, o.Logger)
	if err != nil {
		b.Fatal(err)
	}
	var took [2][]time.Duration
	for b.Loop() {
		for i, g := range z.site.good {
			begin := time.Now()
			if err := g.ask(b.Context()); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begin))
		}
	}
	for i, name := range []string{"door-p50-µs", "straight-p50-µs"} {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1e3, name)
	}
}
