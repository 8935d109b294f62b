//go:build prometheus

package monitoringtest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
)

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, arguments ...string) (out string, err error) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not there; install it, in Debian with: apt-get install prometheus")
	}
	text, err := exec.CommandContext(t.Context(), tool, arguments...).CombinedOutput()
	return string(text), err
}

// TestPromtoolReadsRules: the rules and the example are what Prometheus accepts, and
// promtool's lint finds nothing.
func TestPromtoolReadsRules(t *testing.T) {
	if out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", prometheus+"alerts.yml", prometheus+"recording.yml"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := promtool(t, "check", "config", prometheus+"scrape.example.yml"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	bad := filepath.Join(t.TempDir(), "bad.yml")
	text := strings.Replace(string(read(t, prometheus+"alerts.yml")), "absent(up", "absent((up", 1)
	if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := promtool(t, "check", "rules", bad); err == nil {
		t.Errorf("it accepts a rule that is none: %s", out)
	}
}

// unitTests is a file for promtool test rules.
type unitTests struct {
	RuleFiles          []string   `yaml:"rule_files"`
	EvaluationInterval string     `yaml:"evaluation_interval"`
	Tests              []unitTest `yaml:"tests"`
}

type unitTest struct {
	Name     string        `yaml:"name"`
	Interval string        `yaml:"interval"`
	Input    []inputSeries `yaml:"input_series"`
	Alerts   []alertTest   `yaml:"alert_rule_test"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime string     `yaml:"eval_time"`
	Alert    string     `yaml:"alertname"`
	Expected []expected `yaml:"exp_alerts"`
}

type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// TestEachAlertFires has promtool play every case, each against every alert: what must
// fire does, with its labels and words, and nothing else.
func TestEachAlertFires(t *testing.T) {
	alerts := rules(t, "alerts.yml")
	everything := alertCase{name: "every family is absent"}
	for _, r := range alerts {
		if family := r.Labels["family"]; family != "" {
			everything.want = append(everything.want, fire(r.Alert, "family", family))
		}
	}
	everything.spoil = func(f fleet) {
		for _, w := range everything.want {
			f.without(w.labels[1])
		}
	}
	cases := append(alertCases(), everything)
	unfired := map[string]bool{}
	for _, r := range alerts {
		unfired[r.Alert] = true
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, w := range c.want {
				delete(unfired, w.alert)
			}
			if out, err := play(t, c, alerts); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for alert := range unfired {
		t.Errorf("%s fires in no case", alert)
	}
}

// TestPlayBites: a case that wants what does not fire fails, and so does one that does
// not want what fires.
func TestPlayBites(t *testing.T) {
	alerts := rules(t, "alerts.yml")
	if _, err := play(t, alertCase{want: []fires{fire("PortcullisHalted")}}, alerts); err == nil {
		t.Error("an alert that must fire and does not")
	}
	if _, err := play(t, alertCase{spoil: set(flat(1), "portcullis_halted", "name", "x1")}, alerts); err == nil {
		t.Error("an alert that must not fire and does")
	}
}

func play(t *testing.T, c alertCase, alerts []monitoringtest.Rule) (string, error) {
	t.Helper()
	dir := t.TempDir()
	recording := string(read(t, prometheus+"recording.yml"))
	if c.rules != nil {
		changed := c.rules(recording)
		if changed == recording {
			t.Fatal("the case changes nothing in recording.yml")
		}
		recording = changed
	}
	write(t, filepath.Join(dir, "recording.yml"), []byte(recording))
	write(t, filepath.Join(dir, "alerts.yml"), read(t, prometheus+"alerts.yml"))
	f := healthy()
	if c.spoil != nil {
		c.spoil(f)
	}
	test := unitTest{Name: c.name, Interval: "15s"}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		test.Input = append(test.Input, inputSeries{name, f[name]})
	}
	told := map[string]bool{}
	for _, r := range alerts {
		if !told[r.Alert] {
			told[r.Alert] = true
			test.Alerts = append(test.Alerts, alertTest{"30m", r.Alert, expect(c.want, r.Alert, alerts)})
		}
	}
	text, err := yaml.Marshal(unitTests{[]string{"recording.yml", "alerts.yml"}, "30s", []unitTest{test}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "tests.yml")
	write(t, name, text)
	return promtool(t, "test", "rules", name)
}

// expect is what promtool shall find of one alert.
func expect(want []fires, alert string, alerts []monitoringtest.Rule) []expected {
	found := []expected{}
	for _, w := range want {
		if w.alert != alert {
			continue
		}
		labels := map[string]string{"zone": "home"}
		for i := 0; i+1 < len(w.labels); i += 2 {
			labels[w.labels[i]] = w.labels[i+1]
		}
		for _, r := range alerts {
			if r.Alert == alert && (r.Labels["family"] == labels["family"]) {
				maps.Copy(labels, r.Labels)
				maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
				found = append(found, expected{labels, annotations(r, labels)})
			}
		}
	}
	return found
}

// annotations are a rule's, with labels in their places: our templates do nothing else.
func annotations(r monitoringtest.Rule, labels map[string]string) map[string]string {
	all := map[string]string{}
	for key, text := range r.Annotations {
		all[key] = label.ReplaceAllStringFunc(text, func(place string) string { return labels[label.FindStringSubmatch(place)[1]] })
	}
	return all
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
