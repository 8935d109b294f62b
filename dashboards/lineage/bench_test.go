package lineage_test

import (
	"errors"
	"flag"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

var benchIntents = flag.Int("lineage.intents", 2_000, "how many intents the benchmark's ledger has")

func statusOf(err error) int {
	if p := (*surface.Problem)(nil); errors.As(err, &p) {
		return p.Status
	}
	return http.StatusInternalServerError
}

// found is what a search answers.
type found struct {
	Page history.Page    `json:"page"`
	Held projection.Held `json:"held"`
}

func text(at uint64) string { return strconv.FormatUint(at, 10) }

// caughtUp waits until a projection has read its ledger.
func caughtUp(tb testing.TB, h http.Handler) (newest found) {
	tb.Helper()
	for {
		status, _ := ask(tb, h, "intents?limit=200", &newest)
		if status != http.StatusOK {
			tb.Fatalf("status %d", status)
		}
		if !newest.Held.Reading {
			return newest
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// BenchmarkExplorer asks the routes about a ledger of -lineage.intents intents on a real
// broker. Its lists hold 256 items.
func BenchmarkExplorer(b *testing.B) {
	f := newFlood(b, *benchIntents)
	h := f.served(2 * *benchIntents)
	began := time.Now()
	newest := caughtUp(b, h)
	read := time.Since(began)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.Logf("%d intents in %d records, read in %s; heap %d MB", newest.Page.Total, newest.Held.Position, read.Round(time.Millisecond), m.HeapAlloc>>20)
	middle := found{}
	ask(b, h, "intents?limit=2&last="+text(newest.Held.Position/2), &middle)
	deep := middle.Page.Intents[len(middle.Page.Intents)-1] // executed
	for _, q := range [][2]string{
		{"first page", "intents?limit=25"},
		{"page of 200", "intents?limit=200"},
		{"deep page", "intents?limit=25&after=" + deep.Position},
		{"by agent", "intents?limit=25&agent=alice"},
		{"by agent and tool", "intents?limit=25&agent=alice&tool=read"},
		{"by tool", "intents?limit=25&tool=read"},
		{"by reason", "intents?limit=25&reason=halted"},
		{"by resource, rare", "intents?limit=25&resource=file-7777"},
		{"by resource, all", "intents?limit=25&resource=out/"},
		{"by agent and resource", "intents?limit=25&agent=bob&resource=77"},
		{"by verdict", "intents?limit=25&verdict=DENY"},
		{"by verdict, most", "intents?limit=25&verdict=ALLOW"},
		{"by state", "intents?limit=25&state=executed"},
		{"by time", "intents?limit=25&until=" + url.QueryEscape(deep.LogTime.Format(time.RFC3339Nano))},
		{"story by digest", "intents/" + deep.Digest},
		{"story by prefix", "intents/" + deep.Digest[:12]},
		{"story by position", "intents/" + deep.Position},
		{"story by outcome", "intents/" + deep.Outcomes[0].Position},
		{"graph", "intents/" + deep.Digest + "/graph"},
		{"graph, deep", "intents/" + deep.Digest + "/graph?depth=32"},
		{"session", "sessions/alice/main"},
		{"governance at", "at/" + text(newest.Held.Position/2)},
		{"governance", "governance"},
		{"names", "names"},
		{"raw record", "records/" + text(newest.Held.Position/2)},
	} {
		b.Run(q[0], func(b *testing.B) {
			var size int
			for b.Loop() {
				var status int
				if status, size = ask(b, h, q[1], nil); status != http.StatusOK {
					b.Fatalf("%s: status %d", q[1], status)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms")
			b.ReportMetric(float64(size), "B-answer")
		})
	}
}
