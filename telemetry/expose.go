package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// Gauges is what is read at the moment in which somebody asks: there is no word that
// could grow old. The zero value is empty.
type Gauges struct{ lines []string }

// Set adds a value of a family, with labels given as name and value in turn.
func (g *Gauges) Set(family string, value float64, labels ...string) {
	g.lines = append(g.lines, series(family, labels...)+" "+strconv.FormatFloat(value, 'g', -1, 64))
}

// Flag adds 1 or 0.
func (g *Gauges) Flag(family string, so bool, labels ...string) {
	value := 0.0
	if so {
		value = 1
	}
	g.Set(family, value, labels...)
}

// Expose writes everything in the text format of Prometheus, version 0.0.4: the
// families of the table, each once and with its help, then what the library knows of
// the process.
func (m *Meters) Expose(w io.Writer, now Gauges) error {
	var counted bytes.Buffer
	m.set.WritePrometheus(&counted)
	byFamily := make(map[string][]string, len(families))
	for line := range strings.Lines(counted.String()) {
		line = strings.TrimSuffix(line, "\n")
		byFamily[familyOf(line)] = append(byFamily[familyOf(line)], line)
	}
	for _, line := range now.lines {
		byFamily[familyOf(line)] = append(byFamily[familyOf(line)], line)
	}
	var page bytes.Buffer
	for _, f := range families {
		lines := byFamily[f.Name]
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %s %s\n%s\n", f.Name, f.Help, f.Name, f.Type, strings.Join(lines, "\n"))
	}
	metrics.WriteProcessMetrics(&page)
	_, err := w.Write(page.Bytes())
	return err
}

// familyOf is the name in a line, without what histograms add to theirs.
func familyOf(line string) string {
	name := line[:strings.IndexAny(line+" ", "{ ")]
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, found := strings.CutSuffix(name, suffix); found && histograms[base] {
			return base
		}
	}
	return name
}

var histograms = map[string]bool{decisionTime: true, stageTime: true}
