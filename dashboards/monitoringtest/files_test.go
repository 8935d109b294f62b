package monitoringtest_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/monitoringtest"
)

var update = flag.Bool("update", false, "write the formatted dashboards, and the table of alerts, anew")

// Where the files are.
const (
	root       = "../../"
	grafana    = "../grafana/"
	prometheus = "../prometheus/"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rules reads a rule file.
func rules(t *testing.T, name string) []monitoringtest.Rule {
	t.Helper()
	groups, err := monitoringtest.ReadRules(read(t, prometheus+name))
	if err != nil {
		t.Fatal(err)
	}
	all := monitoringtest.Rules(groups)
	if len(all) == 0 {
		t.Fatalf("%s has no rule", name)
	}
	return all
}

// dashboards reads all of them, by their files' names.
func dashboards(t *testing.T) map[string]*monitoringtest.Dashboard {
	t.Helper()
	names, err := filepath.Glob(grafana + "*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboard in %s: %v", grafana, err)
	}
	all := make(map[string]*monitoringtest.Dashboard, len(names))
	for _, name := range names {
		d, err := monitoringtest.ReadDashboard(read(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = d
	}
	return all
}
