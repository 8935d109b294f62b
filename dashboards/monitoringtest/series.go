package monitoringtest

import (
	"regexp"
	"slices"
	"strings"
)

// seriesName is a metric of ours, one that a rule records, one of the process, or the
// one that Prometheus itself writes for each target.
var seriesName = regexp.MustCompile(`(?:portcullis[_:][a-z0-9_:]+|process_[a-z_]+|\bgo_[a-z_]+|\bup\b)`)

// quoted is a label's value, which may look like a name.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// Series lists the metrics that a PromQL expression names, each once, in order of their
// names.
func Series(expr string) []string {
	found := seriesName.FindAllString(quoted.ReplaceAllString(expr, `""`), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Family is the metric family of a series: that of a histogram has neither of the
// endings which its series have.
func Family(series string) string {
	for _, ending := range []string{"_bucket", "_sum", "_count"} {
		if base, found := strings.CutSuffix(series, ending); found {
			return base
		}
	}
	return series
}

// Ask is an expression of a panel as Grafana sends it: every zone, and rates over a
// window.
func Ask(expr, window string) string {
	return strings.NewReplacer("$__rate_interval", window, "$zone", ".*").Replace(expr)
}
