package monitoringtest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
)

// TestDashboards holds every dashboard against what Grafana silently forgives.
func TestDashboards(t *testing.T) {
	uids := map[string]string{}
	for name, d := range dashboards(t) {
		if other, taken := uids[d.UID]; taken || d.UID == "" || len(d.UID) > 40 {
			t.Errorf("%s: uid %q is empty, too long, or that of %q", name, d.UID, other)
		}
		uids[d.UID] = name
		for _, fault := range faults(d) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// TestDashboardFormat: a file is kept as Format writes it.
func TestDashboardFormat(t *testing.T) {
	for name, d := range dashboards(t) {
		want, err := d.Format()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, want, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if string(read(t, name)) != string(want) {
			t.Errorf("%s is not formatted; write it anew with: go test ./dashboards/monitoringtest -run TestDashboardFormat -update", name)
		}
	}
}

func faults(d *monitoringtest.Dashboard) []string {
	var found []string
	fault := func(format string, a ...any) { found = append(found, fmt.Sprintf(format, a...)) }
	if d.Title == "" || d.Description == "" || !slices.Contains(d.Tags, "portcullis") || d.SchemaVersion != 39 {
		fault("it lacks a title, a description, the tag portcullis or the schema version")
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Type+" "+v.Name)
	}
	if !slices.Equal(variables, []string{"datasource datasource", "query zone"}) {
		fault("its variables are %q, want the data source and the zone", variables)
	}
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] || p.ID < 1 {
			fault("panel %q has id %d, which is none or another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for _, other := range d.Panels[:i] {
			if overlap(p.GridPos, other.GridPos) {
				fault("panels %q and %q lie on each other", p.Title, other.Title)
			}
		}
		for _, text := range panelFaults(p) {
			fault("panel %q: %s", p.Title, text)
		}
	}
	if len(d.Panels) == 0 {
		fault("it has no panel")
	}
	return found
}

func overlap(a, b monitoringtest.GridPos) bool {
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

// units are the units of Grafana that we use: a plain number is "none".
var units = []string{"none", "ops", "s", "bytes"}

func panelFaults(p monitoringtest.Panel) []string {
	var found []string
	fault := func(wrong bool, format string, a ...any) {
		if wrong {
			found = append(found, fmt.Sprintf(format, a...))
		}
	}
	g, shown := p.GridPos, p.FieldConfig.Defaults
	fault(p.Title == "" || len(p.Description) < 10 || !strings.HasSuffix(p.Description, "."), "it does not say what it shows")
	fault(p.Datasource != (monitoringtest.Datasource{Type: "prometheus", UID: "${datasource}"}), "its data source is not the variable")
	fault(g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 3 || g.X+g.W > 24, "it does not lie on the grid")
	fault(!slices.Contains(units, shown.Unit), "its unit is %q", shown.Unit)
	fault(shown.NoValue != "unknown", "it shows nothing as %q, not as unknown", shown.NoValue)
	fault(len(shown.Thresholds.Steps) == 0 || shown.Thresholds.Steps[0].Value != nil, "its first colour does not begin at the beginning")
	fault(shown.Custom != nil && shown.Custom.SpanNulls, "it draws lines where nothing is known")
	fault(shown.Custom == nil && (p.Type == "timeseries" || p.Type == "state-timeline"), "it does not say how it is drawn")
	present := p.Type == "stat" || p.Type == "bargauge"
	fault(len(p.Targets) == 0, "it asks for nothing")
	for i, target := range p.Targets {
		fault(target.RefID != string(rune('A'+i)), "its question %d is called %q", i+1, target.RefID)
		fault(target.Instant != present || target.Range == present, "%s: a figure asks for the present alone, a line for a range", target.RefID)
		fault(!strings.Contains(target.Expr, `zone=~"$zone"`), "%s does not heed the zone that was chosen", target.RefID)
		fault(!strings.Contains(target.LegendFormat, "{{zone}}"), "%s does not name the zone", target.RefID)
		fault(strings.Contains(target.Expr, "portcullis:"), "%s needs a recorded series: dashboards work without rules", target.RefID)
		fault(strings.Contains(monitoringtest.Ask(target.Expr, "1m"), "$"), "%s has a variable that nobody sets: %s", target.RefID, target.Expr)
	}
	return found
}

// TestDashboardRulesBite: each fault is found.
func TestDashboardRulesBite(t *testing.T) {
	sound := dashboards(t)[grafana+"fabric.json"]
	if found := faults(sound); len(found) > 0 {
		t.Fatal(found)
	}
	text, err := sound.Format()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*monitoringtest.Dashboard)
		want  string
	}{
		{"id", func(d *monitoringtest.Dashboard) { d.Panels[1].ID = d.Panels[0].ID }, "another's"},
		{"overlap", func(d *monitoringtest.Dashboard) { d.Panels[1].GridPos.X-- }, "lie on each other"},
		{"off the grid", func(d *monitoringtest.Dashboard) { d.Panels[3].GridPos.W++ }, "on the grid"},
		{"description", func(d *monitoringtest.Dashboard) { d.Panels[0].Description = "" }, "what it shows"},
		{"data source", func(d *monitoringtest.Dashboard) { d.Panels[0].Datasource.UID = "mine" }, "data source"},
		{"unit", func(d *monitoringtest.Dashboard) { d.Panels[0].FieldConfig.Defaults.Unit = "" }, "unit"},
		{"unknown", func(d *monitoringtest.Dashboard) { d.Panels[0].FieldConfig.Defaults.NoValue = "0" }, "as unknown"},
		{"stale", func(d *monitoringtest.Dashboard) { d.Panels[0].Targets[0].Instant = false }, "present alone"},
		{"gaps", func(d *monitoringtest.Dashboard) { d.Panels[4].FieldConfig.Defaults.Custom.SpanNulls = true }, "nothing is known"},
		{"zone", func(d *monitoringtest.Dashboard) { d.Panels[0].Targets[0].Expr = "portcullis_armed" }, "zone that was chosen"},
		{"variable", func(d *monitoringtest.Dashboard) { d.Panels[0].Targets[0].Expr += "[$__interval]" }, "nobody sets"},
		{"variables", func(d *monitoringtest.Dashboard) { d.Templating.List = nil }, "variables"},
		{"nothing", func(d *monitoringtest.Dashboard) { d.Panels = nil }, "no panel"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := monitoringtest.ReadDashboard(text)
			if err != nil {
				t.Fatal(err)
			}
			test.spoil(d)
			if found := strings.Join(faults(d), "\n"); !strings.Contains(found, test.want) {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}

// TestReadDashboardIsStrict: what Grafana would drop is refused.
func TestReadDashboardIsStrict(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"uid": "a", "panles": []}`, `{"panels": [{"id": "1"}]}`, `{"panels": [{"targets": [{"query": "up"}]}]}`, `{"uid": "a"} {"uid": "b"}`} {
		if d, err := monitoringtest.ReadDashboard([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", text, d)
		}
	}
}
