package monitoringtest_test

import (
	"slices"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// TestSeries: names are found in expressions, and values of labels are none.
func TestSeries(t *testing.T) {
	for expr, want := range map[string][]string{
		`vector(10)`: nil,
		`sum by (zone) (up{job="portcullis_armed"}) - up`:                       {"up"},
		`max(portcullis_armed{role="up\"portcullis_x"}) or portcullis:a:b > 3`:  {"portcullis:a:b", "portcullis_armed"},
		`rate(process_cpu_seconds_total[5m]) + portcullis_stage_seconds_bucket`: {"portcullis_stage_seconds_bucket", "process_cpu_seconds_total"},
	} {
		if got := monitoringtest.Series(expr); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// unseen lists families that no panel shows, each with a reason. There is none today.
var unseen = map[string]string{}

// TestEveryMetricIsShown: each metric on a panel or in a rule is one that package
// telemetry exposes (or the process, or Prometheus), and each that it exposes is shown.
func TestEveryMetricIsShown(t *testing.T) {
	exposed := map[string]bool{}
	for _, f := range telemetry.Families() {
		exposed[f.Name] = false
	}
	recordings := rules(t, "recording.yml")
	recorded := map[string]bool{}
	for _, r := range recordings {
		recorded[r.Record] = true
	}
	use := func(where, expr string, shown bool) {
		for _, series := range monitoringtest.Series(expr) {
			family := monitoringtest.Family(series)
			if _, ours := exposed[family]; ours {
				exposed[family] = exposed[family] || shown
			} else if !recorded[series] && !slices.Contains(process, series) {
				t.Errorf("%s: nobody exposes %s", where, series)
			}
		}
	}
	for name, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				use(name+": "+p.Title, target.Expr, true)
			}
		}
	}
	for _, r := range append(recordings, rules(t, "alerts.yml")...) {
		use(r.Alert+r.Record, r.Expr, false)
	}
	for family, shown := range exposed {
		if shown == (unseen[family] != "") {
			t.Errorf("%s: shown %t, and the reason for not showing it is %q", family, shown, unseen[family])
		}
	}
}

// process lists what the page tells of the process, and Prometheus of the target. That
// it is there is seen with real servers, in cmd/portcullis.
var process = []string{"go_goroutines", "up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
