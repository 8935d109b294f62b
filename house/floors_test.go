// Package house holds the tests that keep the house in order: who may import whom, what core may not touch,
// and that the documents' links lead somewhere. It has no code of its own.
package house

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

// floor is one level of the house. A unit is a folder with all below it.
type floor struct {
	name  string
	units []string
}

// floors is the house, top to bottom. One rule makes it one: a unit imports itself and units on floors below,
// in tests too. So units of one floor never import each other: services meet in the ledger.
var floors = []floor{
	{"binary", []string{"cmd", "house"}},
	{"faces", []string{"dashboards", "gateway", "loadtest", "sdk", "sim", "story"}},
	{"zone", []string{"zone"}},
	{"services", []string{"agent", "enforcer", "executor", "sentinel", "recorder", "witness", "auditor", "transcript"}},
	{"adapters", []string{"streams", "fabric", "evidence", "telemetry"}},
	{"workers", []string{"host", "inorder"}},
	{"core: judges", []string{"core/drift", "core/audit", "core/proof", "core/history"}},
	{"core: permit", []string{"core/permit"}},
	{"core: verdict", []string{"core/verdict"}},
	{"core: ledger", []string{"core/ledger"}},
	{"core: governance", []string{"core/governance"}},
	{"core: lineage", []string{"core/lineage"}},
	{"core: ground", []string{"core/aged", "core/policy", "core/trust"}},
	{"vocabulary", []string{"schemas"}},
}

// reserved names libraries that one unit alone may import, in tests too.
var reserved = []struct{ library, unit string }{
	{"github.com/nats-io/nats.go", "streams"},
	{"github.com/nats-io/nats-server", "streams"},
	{"github.com/nats-io/jsm.go", "streams"},
	{"github.com/cedar-policy/cedar-go", "core/policy"},
	{"github.com/spf13/cobra", "cmd"},
	{"github.com/VictoriaMetrics/metrics", "telemetry"},
	{"go.opentelemetry.io/otel/exporters", "telemetry"},
}

// standing returns the unit that holds a folder and the index of its floor, or false when the table has none.
func standing(dir string) (unit string, level int, ok bool) {
	for level, floor := range floors {
		for _, unit := range floor.units {
			if within(dir, unit) {
				return unit, level, true
			}
		}
	}
	return "", 0, false
}

// floorFaults lists each import that does not point down, and each folder that stands nowhere.
func floorFaults(sources []source) []string {
	var faults []string
	for _, source := range sources {
		unit, level, ok := standing(source.dir())
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: stands on no floor; give its folder a place in house/floors_test.go and .golangci.yml", source.name))
			continue
		}
		source.imports(func(imported, where string) {
			if !within(imported, module) {
				return
			}
			other, below, ok := standing(strings.TrimPrefix(imported, module+"/"))
			if ok && (other == unit || below > level) {
				return
			}
			faults = append(faults, fmt.Sprintf("%s: %s (%s) imports %s; imports point down only", where, unit, floors[level].name, imported))
		})
	}
	return faults
}

// reservedFaults lists each import of a reserved library outside its unit.
func reservedFaults(sources []source) []string {
	var faults []string
	for _, source := range sources {
		source.imports(func(imported, where string) {
			for _, rule := range reserved {
				if within(imported, rule.library) && !within(source.dir(), rule.unit) {
					faults = append(faults, fmt.Sprintf("%s: imports %s; only %s/ may", where, imported, rule.unit))
				}
			}
		})
	}
	return faults
}

func TestFloors(t *testing.T) {
	sources := repository(t)
	for _, fault := range append(floorFaults(sources), reservedFaults(sources)...) {
		t.Error(fault)
	}
}

// TestFloorRulesBite plants faults: a rule that cannot fail would guard nothing.
func TestFloorRulesBite(t *testing.T) {
	tests := []struct {
		name, file, imports string
		want                string // part of the only fault; empty when the import is right
	}{
		{"down", "enforcer/a.go", module + "/core/verdict", ""},
		{"itself", "streams/streamstest/a.go", module + "/streams", ""},
		{"top sees all", "cmd/portcullis/a.go", module + "/schemas/portcullis/v1", ""},
		{"a folder's name is no prefix", "core/trust/a.go", "github.com/portcullis-dev/portcullis-tools/agent", ""},
		{"up", "core/trust/a.go", module + "/core/governance", "core/trust (core: ground) imports"},
		{"up in a test", "core/verdict/a_test.go", module + "/streams", "imports point down only"},
		{"core to service", "core/permit/a.go", module + "/executor", "imports point down only"},
		{"between services", "agent/a.go", module + "/enforcer", "agent (services) imports"},
		{"between adapters", "fabric/a.go", module + "/streams", "imports point down only"},
		{"between policy and trust", "core/policy/a.go", module + "/core/trust", "imports point down only"},
		{"vocabulary to anything", "schemas/a.go", module + "/core/trust", "imports point down only"},
		{"to a folder on no floor", "agent/a.go", module + "/internal/x", "imports point down only"},
		{"to the root", "agent/a.go", module, "imports point down only"},
		{"folder on no floor", "util/a.go", "fmt", "stands on no floor"},
		{"new core folder on no floor", "core/misc/a.go", "fmt", "stands on no floor"},
		{"root package", "a.go", "fmt", "stands on no floor"},
		{"NATS in its place", "streams/a.go", "github.com/nats-io/nats.go/jetstream", ""},
		{"NATS keys are not NATS", "fabric/a.go", "github.com/nats-io/nkeys", ""},
		{"NATS in a service", "agent/a.go", "github.com/nats-io/nats.go", "only streams/ may"},
		{"NATS server in a service's test", "enforcer/a_test.go", "github.com/nats-io/nats-server/v2/server", "only streams/ may"},
		{"Cedar outside policy", "enforcer/a.go", "github.com/cedar-policy/cedar-go", "only core/policy/ may"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sources := planted(t, test.file, fmt.Sprintf("package a\n\nimport _ %q\n", test.imports))
			expect(t, append(floorFaults(sources), reservedFaults(sources)...), test.want)
		})
	}
}

// TestLinterKnowsTheFloors compares depguard's rules with the table, unit by unit: the editor and this test
// must say the same.
func TestLinterKnowsTheFloors(t *testing.T) {
	rules := depguardRules(t)
	for level, floor := range floors {
		for _, unit := range floor.units {
			want := []string{module + "/" + unit}
			for _, below := range floors[level+1:] {
				for _, other := range below.units {
					want = append(want, module+"/"+other)
				}
			}
			rule, ok := rules[strings.ReplaceAll(unit, "/", "-")]
			if !ok {
				t.Errorf(".golangci.yml: depguard has no rule for %s", unit)
				continue
			}
			if !slices.Equal(rule.Files, []string{"${config-path}/" + unit + "/**"}) {
				t.Errorf(".golangci.yml: depguard's rule for %s is about %q", unit, rule.Files)
			}
			if rule.ListMode != "lax" || len(rule.Deny) != 1 || rule.Deny[0].Pkg != module {
				t.Errorf(".golangci.yml: depguard's rule for %s must deny %s in lax mode", unit, module)
			}
			if !slices.Equal(rule.Allow, want) {
				t.Errorf(".golangci.yml: depguard lets %s import\n\t%q\nbut the floors let it import\n\t%q", unit, rule.Allow, want)
			}
		}
	}
}

type depguardRule struct {
	ListMode string `yaml:"list-mode"`
	Files    []string
	Allow    []string
	Deny     []struct{ Pkg string }
}

func depguardRules(t *testing.T) map[string]depguardRule {
	t.Helper()
	text, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]depguardRule }
			}
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatalf(".golangci.yml: %v", err)
	}
	return config.Linters.Settings.Depguard.Rules
}

// planted loads a tree of one file.
func planted(t *testing.T, name, text string) []source {
	t.Helper()
	sources, err := load(fstest.MapFS{name: {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// expect demands one fault that contains want, or none when want is empty.
func expect(t *testing.T, faults []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(faults) != 0:
		t.Errorf("got faults %q, want none", faults)
	case want != "" && (len(faults) != 1 || !strings.Contains(faults[0], want)):
		t.Errorf("got faults %q, want one that says %q", faults, want)
	}
}
