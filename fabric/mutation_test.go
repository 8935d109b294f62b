package fabric_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/fabric"
)

// policyText finds the policies of a file; no text within them has a semicolon.
var policyText = regexp.MustCompile(`(?s)(?:@\w+\("[^"]*"\)\s*)+(permit|forbid)\s*\([^;]*;`)

var policyID = regexp.MustCompile(`@id\("([^"]+)"\)`)

// TestEveryPolicyOfTheTemplateIsNeeded takes each policy out of the source for
// good: some case then fails, whatever the report says of coverage.
func TestEveryPolicyOfTheTemplateIsNeeded(t *testing.T) {
	f := create(t, params())
	kinds := map[string]int{}
	files, err := filepath.Glob(filepath.Join(f.ReleaseDir(), "policies", "*.cedar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range policyText.FindAllStringSubmatch(string(whole), -1) {
			id := policyID.FindStringSubmatch(found[0])[1]
			kinds[found[1]]++
			put(t, filepath.Dir(path), filepath.Base(path), strings.Replace(string(whole), found[0], "", 1))
			if report := tested(t, f); report.Passed() {
				t.Errorf("no case misses the %s %q", found[1], id)
			}
		}
		put(t, filepath.Dir(path), filepath.Base(path), string(whole))
	}
	if kinds["permit"] == 0 || kinds["forbid"] == 0 {
		t.Errorf("took away %v: the template has both", kinds)
	}
	if report := tested(t, f); !report.Passed() || len(report.Uncovered)+len(report.Unguarded) != 0 {
		t.Errorf("the template itself: %+v", report)
	}
}

// TestUncoveredAndUnguarded: a policy that no case needs is named.
func TestUncoveredAndUnguarded(t *testing.T) {
	f := create(t, params())
	path := filepath.Join(f.ReleaseDir(), "policies", "money.cedar")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Dir(path), "money.cedar", string(whole)+`
@id("visitors")
permit (principal in Group::"guests", action == Action::"http-get", resource);
@id("no-visitors")
forbid (principal in Group::"guests", action == Action::"http-get", resource);
`)
	report := tested(t, f)
	if !report.Passed() || !slices.Equal(report.Uncovered, []string{"no-visitors", "visitors"}) || !slices.Equal(report.Unguarded, []string{"no-visitors"}) {
		t.Errorf("uncovered %q, unguarded %q, passed %t", report.Uncovered, report.Unguarded, report.Passed())
	}
}

func tested(t *testing.T, f *fabric.Fabric) policy.Report {
	t.Helper()
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		t.Fatal(err)
	}
	report, err := source.Test(f.TrustDomain, f.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
