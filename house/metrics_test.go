package house

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/telemetry"
)

// metricsDocument holds the users' copy of the table of metrics, between two lines.
const (
	metricsDocument = "../docs/observability.md"
	metricsBegin    = "<!-- the table of metrics, written from telemetry/families.go -->\n"
	metricsEnd      = "<!-- end of the table -->\n"
)

// TestMetricsDocument compares the table in docs/observability.md with the one in the code: a name on a dashboard is
// always explained.
func TestMetricsDocument(t *testing.T) {
	text, err := os.ReadFile(metricsDocument)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), metricsBegin)
	got, tail, ends := strings.Cut(rest, metricsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table between %q and %q", metricsDocument, metricsBegin, metricsEnd)
	}
	want := metricsTable(telemetry.Families())
	if *update {
		if err := os.WriteFile(metricsDocument, []byte(head+metricsBegin+want+metricsEnd+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s does not say what telemetry/families.go says; write it anew with: go test ./house -run TestMetricsDocument -update", metricsDocument)
	}
}

func TestMetricsTable(t *testing.T) {
	table := metricsTable(telemetry.Families())
	for _, f := range telemetry.Families() {
		if strings.Count(table, "| `"+f.Name+"` | "+f.Type+" |") != 1 {
			t.Errorf("%s does not stand in the table once", f.Name)
		}
	}
	if metricsTable(telemetry.Families()[1:]) == table {
		t.Error("a table without the first metric is the same table: the comparison could never fail")
	}
}

func metricsTable(families []telemetry.Family) string {
	var b strings.Builder
	b.WriteString("\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		labels := "–"
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, f.Help)
	}
	b.WriteString("\n")
	return b.String()
}
