package monitoringtest_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
)

// The users' copy of the table of alerts stands between two lines.
const (
	document   = root + "docs/observability.md"
	tableBegin = "<!-- the table of alerts, written from dashboards/prometheus/alerts.yml -->\n"
	tableEnd   = "<!-- end of the table of alerts -->\n"
)

// TestAlertsDocument compares the table in docs/observability.md with the rule file: an
// alert that wakes somebody is always explained.
func TestAlertsDocument(t *testing.T) {
	head, rest, begins := strings.Cut(string(read(t, document)), tableBegin)
	got, tail, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table between %q and %q", document, tableBegin, tableEnd)
	}
	want := alertsTable(rules(t, "alerts.yml"))
	if *update {
		if err := os.WriteFile(document, []byte(head+tableBegin+want+tableEnd+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s does not say what alerts.yml says; write it anew with: go test ./dashboards/monitoringtest -run TestAlertsDocument -update", document)
	}
}

func TestAlertsTable(t *testing.T) {
	alerts := rules(t, "alerts.yml")
	table := alertsTable(alerts)
	for _, r := range alerts {
		if strings.Count(table, "| `"+r.Alert+"` | "+r.Labels["severity"]+" |") != 1 {
			t.Errorf("%s does not stand in the table once", r.Alert)
		}
	}
	if alertsTable(alerts[1:]) == table {
		t.Error("a table without the first alert is the same table: the comparison could never fail")
	}
}

func alertsTable(alerts []monitoringtest.Rule) string {
	var b strings.Builder
	b.WriteString("\n| alert | severity | after | says | what to do |\n|---|---|---|---|---|\n")
	var told []string
	for _, r := range alerts {
		if slices.Contains(told, r.Alert) {
			continue // one alert of several rules, which differ by a label
		}
		told = append(told, r.Alert)
		page, section, _ := strings.Cut(strings.TrimPrefix(r.Annotations["runbook"], "docs/"), "#")
		link := page + "#" + section
		if page == "observability.md" {
			link = "#" + section
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | [%s](%s) |\n", r.Alert, r.Labels["severity"], after(r.For), words(r),
			strings.ReplaceAll(section, "-", " "), link)
	}
	b.WriteString("\n")
	return b.String()
}

func after(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	return strings.TrimSuffix(d.String(), "0s")
}

var label = regexp.MustCompile(`\{\{ \$labels\.([a-z]+) \}\}`)

// words is an alert's summary with the names of labels in the place of their values.
func words(r monitoringtest.Rule) string {
	summary := r.Annotations["summary"]
	if family := r.Labels["family"]; family != "" {
		summary = strings.ReplaceAll(summary, family, "*family*")
	}
	return label.ReplaceAllString(summary, "*$1*")
}
