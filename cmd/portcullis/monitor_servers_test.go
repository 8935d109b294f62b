//go:build prometheus

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
	"github.com/portcullis-dev/portcullis/story/process"
)

// monitoringFiles is where dashboards and rules are.
const monitoringFiles = "../../dashboards/"

// serversPatience is how long a server may take to show something: the longest wait of
// an alert that is tried here, and a slow machine.
const serversPatience = 4 * time.Minute

// askedPatience is how long two servers may take until they answer alike: one window.
const askedPatience = 2 * time.Minute

// watchedZone is a real zone, and the real servers that watch it. All evaluate once a
// second.
type watchedZone struct {
	t    *testing.T
	data string
	up   *process.Process

	prometheus, victoria, vmalert string // HOST:PORT
}

// TestRealServers has a Prometheus and a VictoriaMetrics watch a zone: both answer every
// expression of every panel and rule, alike, and say so when the zone stops.
func TestRealServers(t *testing.T) {
	w := watchZone(t)
	w.asked()
	w.rulesAreWell()
	w.drill()
}

func watchZone(t *testing.T) *watchedZone {
	t.Helper()
	w := &watchedZone{t: t, data: newZone(t), prometheus: freeAddress(t), victoria: freeAddress(t), vmalert: freeAddress(t)}
	up, witness := freeAddress(t), freeAddress(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+freeAddress(t)) // nobody is there: spans are lost, and counted
	if w.up = begin(t, w.data, "up", "--metrics", up); w.up == nil {
		t.FailNow()
	}
	t.Cleanup(w.up.Kill)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	l := newWitnessedLog(t)
	serve(t, t.TempDir(), "witness", "--dir", l.dir, "--listen", freeAddress(t), "--log", l.log, "--metrics", witness)
	page(t, up, "/readyz", http.StatusOK, "executor x1: ready")

	pager := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // stands in for an Alertmanager
	t.Cleanup(pager.Close)
	dir := t.TempDir()
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(monitoringFile(t, "prometheus/"+name)), 0o600))
	}
	// What we ship, on these addresses and faster; VictoriaMetrics is told to pass over what is not for it.
	config := strings.NewReplacer("scrape_interval: 5s", "scrape_interval: 1s", "evaluation_interval: 15s", "evaluation_interval: 1s",
		`["127.0.0.1:9464"]`, fmt.Sprintf(`[%q, %q]`, up, witness), "127.0.0.1:9093", pager.Listener.Addr().String()).Replace(monitoringFile(t, "prometheus/scrape.example.yml"))
	scrape := filepath.Join(dir, "scrape.yml")
	must(t, os.WriteFile(scrape, []byte(config), 0o600))

	server(t, w.prometheus, "prometheus", "prometheus", "--config.file", scrape, "--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", w.prometheus, "--log.level", "warn")
	server(t, w.victoria, "victoria-metrics", "victoria-metrics", "-promscrape.config", scrape, "-promscrape.config.strictParse=false", "-storageDataPath", filepath.Join(dir, "victoria"),
		"-httpListenAddr", w.victoria, "-search.latencyOffset", "0s", "-memory.allowedBytes", "256MB", "-loggerLevel", "ERROR")
	server(t, w.vmalert, "victoria-metrics", "vmalert", "-datasource.url", "http://"+w.victoria, "-remoteWrite.url", "http://"+w.victoria, "-notifier.url", pager.URL,
		"-rule", filepath.Join(dir, "*ing.yml"), "-rule", filepath.Join(dir, "alerts.yml"), "-evaluationInterval", "1s", "-httpListenAddr", w.vmalert, "-loggerLevel", "ERROR")
	return w
}

func monitoringFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(monitoringFiles + name)
	must(t, err)
	return string(text)
}

// server starts a program of a Debian package and waits until it answers.
func server(t *testing.T, address, from, name string, arguments ...string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not there; install it, in Debian with: apt-get install %s", name, from)
	}
	said, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	must(t, err)
	c := exec.CommandContext(t.Context(), program, arguments...)
	c.Stdout, c.Stderr = said, said
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Wait() // it was killed when the test's context ended
		text, _ := os.ReadFile(said.Name())
		if must(t, said.Close()); t.Failed() {
			t.Logf("%s says: %s", name, text)
		}
	})
	page(t, address, "/-/healthy", http.StatusOK, "")
}

// vector is what a server answers to an expression: label sets, as text, in order.
func (w *watchedZone) vector(address, expr string) ([]string, error) {
	status, body := get(w.t, address, "/api/v1/query?"+url.Values{"query": {expr}}.Encode())
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Status != "success" || answer.Data.ResultType != "vector" {
		return nil, fmt.Errorf("status %d: %s", status, body)
	}
	var series []struct{ Metric map[string]string }
	if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
		return nil, err
	}
	var sets []string
	for _, s := range series {
		set, err := json.Marshal(s.Metric) // keys in their order
		must(w.t, err)
		sets = append(sets, string(set))
	}
	slices.Sort(sets)
	return sets, nil
}

// asked asks both servers everything, while agents are allowed and denied, until both
// answer each question of a panel or recording with the same series.
func (w *watchedZone) asked() {
	w.t.Helper()
	open := w.expressions()
	for end := time.Now().Add(askedPatience); len(open) > 0; time.Sleep(time.Second) { // an agent has so many sessions, and each intent is one
		w.traffic()
		last := map[string]string{}
		for where, expr := range open {
			a, err := w.vector(w.prometheus, expr)
			b, err2 := w.vector(w.victoria, expr)
			if err != nil || err2 != nil {
				w.t.Fatalf("%s: %s:\nPrometheus: %v\nVictoriaMetrics: %v", where, expr, err, err2)
			}
			if len(a) > 0 && slices.Equal(a, b) {
				delete(open, where)
				continue
			}
			last[where] = fmt.Sprintf("%s:\nPrometheus:      %s\nVictoriaMetrics: %s", expr, a, b)
		}
		if time.Now().After(end) {
			for where, text := range last {
				w.t.Errorf("%s: %s", where, text)
			}
			return
		}
	}
}

// expressions is what panels ask and what is recorded, by where it stands.
func (w *watchedZone) expressions() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	names, err := filepath.Glob(monitoringFiles + "grafana/*.json")
	must(w.t, err)
	for _, name := range names {
		d, err := monitoringtest.ReadDashboard([]byte(monitoringFile(w.t, "grafana/"+filepath.Base(name))))
		must(w.t, err)
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all[d.Title+", "+p.Title+", "+target.RefID] = monitoringtest.Ask(target.Expr, "1m")
			}
		}
	}
	for _, r := range w.rules("recording.yml") {
		all[r.Record] = r.Expr
		all[r.Record+", recorded"] = r.Record
	}
	if len(all) < 50 {
		w.t.Fatalf("found %d expressions alone", len(all))
	}
	return all
}

func (w *watchedZone) rules(name string) []monitoringtest.Rule {
	w.t.Helper()
	groups, err := monitoringtest.ReadRules([]byte(monitoringFile(w.t, "prometheus/"+name)))
	must(w.t, err)
	return monitoringtest.Rules(groups)
}

// traffic is one intent that is allowed and one that is not.
func (w *watchedZone) traffic() {
	w.t.Helper()
	read := []string{"--data", w.data, "propose", "--as", "scout", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt", "--tool"}
	if out, stderr, exit := cli(w.t, append(read, "file-read")...); exit != exitDone {
		w.t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	if out, stderr, exit := cli(w.t, append(read, "no-such-tool")...); exit != exitRefused {
		w.t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
}

// alert is an alert that is pending or fires.
type alert struct {
	Labels map[string]string
	State  string
}

func (w *watchedZone) alerts(address string) (all []alert) {
	w.t.Helper()
	_, body := get(w.t, address, "/api/v1/alerts")
	var answer struct{ Data struct{ Alerts []alert } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		w.t.Fatalf("%s: %v: %s", address, err, body)
	}
	return answer.Data.Alerts
}

// rulesAreWell: both servers evaluate every rule without an error, every alert is a
// question that both answer, and nothing critical is said of a zone that is well.
func (w *watchedZone) rulesAreWell() {
	w.t.Helper()
	for _, r := range w.rules("alerts.yml") {
		for _, address := range []string{w.prometheus, w.victoria} {
			if _, err := w.vector(address, r.Expr); err != nil {
				w.t.Errorf("%s at %s: %v", r.Alert, address, err)
			}
		}
	}
	want := len(w.rules("alerts.yml")) + len(w.rules("recording.yml"))
	for name, address := range map[string]string{"Prometheus": w.prometheus, "vmalert": w.vmalert} {
		_, body := get(w.t, address, "/api/v1/rules")
		var answer struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		must(w.t, json.Unmarshal([]byte(body), &answer))
		n := 0
		for _, g := range answer.Data.Groups {
			for _, r := range g.Rules {
				if n++; r.Health != "ok" || r.LastError != "" {
					w.t.Errorf("%s: %s is %s: %s", name, r.Name, r.Health, r.LastError)
				}
			}
		}
		if n != want {
			w.t.Errorf("%s has %d rules, not %d", name, n, want)
		}
		for _, a := range w.alerts(address) {
			if a.State == "firing" && a.Labels["severity"] == "critical" {
				w.t.Errorf("%s wakes somebody though all is well: %v", name, a.Labels)
			}
		}
	}
}

// fires waits until an alert fires, or does not any more, with the labels given as name
// and value in turn.
func (w *watchedZone) fires(address, name string, so bool, labels ...string) {
	w.t.Helper()
	for end := time.Now().Add(serversPatience); ; time.Sleep(200 * time.Millisecond) {
		all := w.alerts(address)
		if so == slices.ContainsFunc(all, func(a alert) bool {
			for i := 0; i+1 < len(labels); i += 2 {
				if a.Labels[labels[i]] != labels[i+1] {
					return false
				}
			}
			return a.Labels["alertname"] == name && a.State == "firing"
		}) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s fires: not %t, among %v", name, so, slices.Collect(maps.Values(alertNames(all))))
		}
	}
}

func alertNames(all []alert) map[string]string {
	names := map[string]string{}
	for _, a := range all {
		names[a.Labels["alertname"]] = a.Labels["alertname"] + " " + a.State
	}
	return names
}

// drill stops the executor, halts everything, and kills the zone; each time somebody is
// told.
func (w *watchedZone) drill() {
	w.t.Helper()
	do := func(arguments ...string) {
		w.t.Helper()
		if out, stderr, exit := cli(w.t, append([]string{"--data", w.data}, arguments...)...); exit != exitDone {
			w.t.Fatalf("%v: exit %d: %s%s", arguments, exit, out, stderr)
		}
	}
	do("halt", "--local", "--reason", "a drill")
	for _, address := range []string{w.prometheus, w.vmalert} {
		w.fires(address, "PortcullisNoExecutorArmed", true, "zone", "home", "severity", "critical")
	}
	do("resume", "--local", "--reason", "the drill is over")
	w.fires(w.prometheus, "PortcullisNoExecutorArmed", false)
	do("halt", "--reason", "another drill")
	w.fires(w.prometheus, "PortcullisHalted", true, "zone", "home")
	do("resume", "--all", "--reason", "it is over, too")
	w.fires(w.prometheus, "PortcullisHalted", false)
	w.up.Kill()
	for _, address := range []string{w.prometheus, w.vmalert} {
		w.fires(address, "PortcullisTargetDown", true, "zone", "home")
		w.fires(address, "PortcullisBrokerSilent", true, "zone", "home")
		w.fires(address, "PortcullisNoExecutorArmed", true, "zone", "home")
		w.fires(address, "PortcullisSeriesAbsent", true, "family", "portcullis_pulses_total")
	}
}
