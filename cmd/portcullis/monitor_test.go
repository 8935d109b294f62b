package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/telemetry"
)

// get asks a page of a process; nobody there is status 0.
func get(t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	must(t, err)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// page waits until a page answers so.
func page(t *testing.T, address, path string, status int, says string) string {
	t.Helper()
	for end := time.Now().Add(killLoopPatience); ; time.Sleep(50 * time.Millisecond) {
		got, body := get(t, address, path)
		if got == status && strings.Contains(body, says) {
			return body
		}
		if time.Now().After(end) {
			t.Fatalf("%s: status %d, not %d with %q: %s", path, got, status, says, body)
		}
	}
}

// TestUpMetrics scrapes a whole zone as Prometheus would, and parses all of it.
func TestUpMetrics(t *testing.T) {
	data, address := newZone(t), freeAddress(t)
	serve(t, data, "up", "--metrics", address)
	if out, stderr, exit := cli(t, "--data", data, "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"); exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	page(t, address, "/readyz", http.StatusOK, "enforcer e1: ready\nexecutor x1: ready\nsentinel s1: ready\nrecorder r1: ready\n")
	page(t, address, "/healthz", http.StatusOK, "it lives")
	text := page(t, address, "/metrics", http.StatusOK, `portcullis_outcomes_total{name="x1",tool="file-read",status="executed"} 1`)
	families := parseExposition(t, text)
	for _, want := range telemetry.Families() {
		elsewhere := strings.HasPrefix(want.Name, "portcullis_witness") || strings.HasPrefix(want.Name, "portcullis_trace_export")
		if got, found := families[want.Name]; found == elsewhere {
			t.Errorf("%s: on the page %t", want.Name, found)
		} else if found && (got.kind != want.Type || !slices.Equal(got.labels, want.Labels)) {
			t.Errorf("%s: a %s by %v, want a %s by %v", want.Name, got.kind, got.labels, want.Type, want.Labels)
		}
	}
	page(t, address, "/metrics", http.StatusOK, `portcullis_halted{name="x1"} 0`)
	if _, stderr, exit := cli(t, "--data", data, "halt", "--reason", "to be seen"); exit != exitDone {
		t.Fatal(stderr)
	}
	page(t, address, "/metrics", http.StatusOK, `portcullis_halted{name="x1"} 1`)
}

// TestPartMetrics: a part answers from its first moment, and is not ready before it
// could act nor when it could not any more.
func TestPartMetrics(t *testing.T) {
	t.Parallel()
	data, address := newZone(t), freeAddress(t)
	serve(t, data, "server")
	serve(t, data, "enforcer", "e1")
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		if p := begin(t, data, "executor", "x1", "--metrics", address); p != nil {
			t.Cleanup(p.Kill)
		}
	}()
	page(t, address, "/readyz", http.StatusServiceUnavailable, "executor x1: not ready: ")
	page(t, address, "/readyz", http.StatusServiceUnavailable, "it is starting")
	page(t, address, "/healthz", http.StatusOK, "it lives")
	serve(t, data, "recorder", "r1")
	sentinel := begin(t, data, "sentinel", "s1")
	<-waiting
	page(t, address, "/readyz", http.StatusOK, "executor x1: ready\n")
	sentinel.Kill()
	page(t, address, "/readyz", http.StatusServiceUnavailable, "executor x1: not ready: ")
	page(t, address, "/metrics", http.StatusOK, `portcullis_armed{role="executor",name="x1"} 0`)
}

// TestWitnessMetrics: a witness counts what it answers.
func TestWitnessMetrics(t *testing.T) {
	t.Parallel()
	l, address, listen := newWitnessedLog(t), freeAddress(t), freeAddress(t)
	serve(t, t.TempDir(), "witness", "--dir", l.dir, "--listen", listen, "--log", l.log, "--metrics", address)
	page(t, address, "/readyz", http.StatusOK, "witness example.com/w1: ready")
	if _, stderr, exit := cli(t, "health", "--witness", "http://"+listen); exit != exitDone {
		t.Fatal(stderr)
	}
	parseExposition(t, page(t, address, "/metrics", http.StatusOK, `portcullis_witness_answers_total{status="400"} 1`))
}

// TestMetricsWithoutAnAddress: what is no address, or somebody else's, ends the command
// before anything starts.
func TestMetricsWithoutAnAddress(t *testing.T) {
	t.Parallel()
	data := newZone(t)
	for _, address := range []string{"9464", "nowhere:port", "192.0.2.1:9464"} {
		if _, stderr, exit := cli(t, "--data", data, "up", "--metrics", address); exit != exitError || !strings.Contains(stderr, "give") {
			t.Errorf("%s: exit %d: %s", address, exit, stderr)
		}
	}
}

// exposed is one family on a page.
type exposed struct {
	kind   string
	labels []string
}

var sample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$`)

var label = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",? ?`)

// parseExposition reads Prometheus' text format 0.0.4 by its rules: our families have
// help and type before their samples, stand together, and no series is there twice;
// buckets grow to the count.
func parseExposition(t *testing.T, text string) map[string]*exposed {
	t.Helper()
	families, series, current := map[string]*exposed{}, map[string]bool{}, ""
	buckets, helped := map[string]float64{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if help, found := strings.CutPrefix(line, "# HELP "); found {
			helped, _, _ = strings.Cut(help, " ")
			continue
		}
		if kind, found := strings.CutPrefix(line, "# TYPE "); found {
			name, kind, _ := strings.Cut(kind, " ")
			if families[name] != nil || helped != name {
				t.Errorf("%s: a second time, or without help", name)
			}
			families[name], current = &exposed{kind: kind}, name
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no sample: %q", line)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil || series[m[1]+m[2]] || label.ReplaceAllString(m[2], "") != "" {
			t.Errorf("no value, a series that was there already, or no labels: %q", line)
		}
		series[m[1]+m[2]] = true
		if !strings.HasPrefix(m[1], "portcullis_") {
			continue
		}
		f := families[current]
		if f == nil || m[1] != current && (f.kind != "histogram" || !slices.Contains([]string{current + "_bucket", current + "_sum", current + "_count"}, m[1])) {
			t.Fatalf("%q stands under %s", line, current)
		}
		f.labels = nil
		bound := ""
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "le" {
				bound = l[2]
				continue
			}
			f.labels = append(f.labels, l[1])
		}
		if bound != "" {
			rest := strings.TrimSuffix(strings.TrimSuffix(m[2], fmt.Sprintf(`le=%q`, bound)), ",")
			if value < buckets[current+rest] {
				t.Errorf("a bucket with less than the one before: %q", line)
			}
			buckets[current+rest] = value
		}
		if m[1] == current+"_count" && value != buckets[current+m[2]] {
			t.Errorf("%q, and the last bucket has %v", line, buckets[current+m[2]])
		}
	}
	return families
}
