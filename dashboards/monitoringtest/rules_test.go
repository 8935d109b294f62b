package monitoringtest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
	"github.com/portcullis-dev/portcullis/schemas"
)

// TestAlerts: every alert says how bad it is, what is the matter and what to do, and
// leads to a section that is there.
func TestAlerts(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules(t, "alerts.yml") {
		if r.Alert == "" {
			t.Errorf("%s records; that is for recording.yml", r.Record)
		}
		if key := r.Alert + r.Labels["family"]; seen[key] || !strings.HasPrefix(r.Alert, "Portcullis") {
			t.Errorf("%s: a second one, or not ours by its name", key)
		} else {
			seen[key] = true
		}
		for _, fault := range alertFaults(t, r) {
			t.Errorf("%s: %s", r.Alert, fault)
		}
	}
}

func alertFaults(t *testing.T, r monitoringtest.Rule) (found []string) {
	t.Helper()
	if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
		found = append(found, fmt.Sprintf("its severity is %q", r.Labels["severity"]))
	}
	for _, key := range []string{"summary", "description"} {
		if text := r.Annotations[key]; len(text) < 20 || !strings.HasSuffix(text, ".") {
			found = append(found, fmt.Sprintf("its %s is %q", key, text))
		}
	}
	if len(r.Annotations) != 3 {
		found = append(found, "it has other annotations than summary, description and runbook")
	}
	document, section, _ := strings.Cut(r.Annotations["runbook"], "#")
	if !strings.HasPrefix(document, "docs/") || !slices.Contains(sections(string(read(t, root+document))), section) {
		found = append(found, fmt.Sprintf("its runbook %q leads nowhere", r.Annotations["runbook"]))
	}
	return found
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// sections lists the anchors of a Markdown text as forges make them.
func sections(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			default:
				return -1
			}
		}, strings.ToLower(match[1]))
		all = append(all, anchor)
	}
	return all
}

// conditional lists what alerts use and not every zone has, with the reason why its
// absence is no fault.
var conditional = map[string]string{
	"portcullis_witness_answers_total":       "a witness is somebody else's, and mostly scraped by somebody else",
	"portcullis_trace_export_failures_total": "it is there only where spans are made",
}

// TestSilenceIsNoGoodNews: for each series that an alert needs there is an alert that
// fires when a zone lacks it.
func TestSilenceIsNoGoodNews(t *testing.T) {
	alerts := rules(t, "alerts.yml")
	if found := silent(alerts, rules(t, "recording.yml")); len(found) > 0 {
		t.Errorf("nobody is told when these are absent: %q", found)
	}
	for i, r := range alerts {
		if r.Alert != "PortcullisSeriesAbsent" {
			continue
		}
		if want := r.Labels["family"]; !slices.Equal(silent(slices.Delete(slices.Clone(alerts), i, i+1), rules(t, "recording.yml")), []string{want}) {
			t.Errorf("without the alert on %s nothing is found, or the alert is not needed", want)
		}
	}
}

var (
	lacking = regexp.MustCompile(`portcullis:watched:zone unless on \(zone\) ([a-z_]+)`)
	absent  = regexp.MustCompile(`absent\(([a-z_:]+)`)
)

// silent lists what alerts need, directly or through what is recorded, and no alert
// misses.
func silent(alerts, recordings []monitoringtest.Rule) []string {
	recorded := map[string][]string{}
	for _, r := range recordings {
		recorded[r.Record] = monitoringtest.Series(r.Expr)
	}
	missed := map[string]bool{}
	var found []string
	for _, r := range alerts {
		for _, match := range slices.Concat(lacking.FindAllStringSubmatch(r.Expr, -1), absent.FindAllStringSubmatch(r.Expr, -1)) {
			missed[match[1]] = true
		}
	}
	need := func(series string) {
		if !missed[series] && conditional[series] == "" && !slices.Contains(found, series) {
			found = append(found, series)
		}
	}
	for _, r := range alerts {
		for _, series := range monitoringtest.Series(r.Expr) {
			from, isRecorded := recorded[series]
			if !isRecorded || len(from) == 0 {
				need(series) // a setting is recorded from nothing: only the file itself can be missing
				continue
			}
			for _, s := range from {
				need(s)
			}
		}
	}
	return found
}

var matcher = regexp.MustCompile(`(reason|rule)=~?"([^"]*)"`)

// TestNamesInRules: a reason or a rule that an alert names is one.
func TestNamesInRules(t *testing.T) {
	rulesOfDrift, n := map[string]bool{}, 0
	for _, r := range schemas.DriftRules() {
		rulesOfDrift[r.Name] = true
	}
	for _, r := range rules(t, "alerts.yml") {
		for _, match := range matcher.FindAllStringSubmatch(r.Expr, -1) {
			for name := range strings.SplitSeq(match[2], "|") {
				_, reason := schemas.ReasonFromCode(name)
				if n++; match[1] == "reason" && !reason || match[1] == "rule" && !rulesOfDrift[name] {
					t.Errorf("%s: there is no %s %s", r.Alert, match[1], name)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no alert names any")
	}
}

// TestReadRulesIsStrict: what is no rule is refused.
func TestReadRulesIsStrict(t *testing.T) {
	for _, text := range []string{
		"", "groups: 3", "groups: []\n---\ngroups: []", "rules: []",
		"groups: [{name: a, rules: [{expr: up}]}]",
		"groups: [{name: a, rules: [{alert: A}]}]",
		"groups: [{name: a, rules: [{alert: A, record: b, expr: up}]}]",
		"groups: [{name: a, rules: [{alert: A, expr: up, fro: 3m}]}]",
		"groups: [{name: a, rules: [{alert: A, expr: up, for: soon}]}]",
	} {
		if groups, err := monitoringtest.ReadRules([]byte(text)); err == nil {
			t.Errorf("%q: read as %+v", text, groups)
		}
	}
}
