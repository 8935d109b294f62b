package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestReleaseKeep: a governor's folder elsewhere learns what was published, and
// can then sign what follows.
func TestReleaseKeep(t *testing.T) {
	data, _, f := signable(t, time.Now)
	elsewhere := filepath.Join(t.TempDir(), "data")
	must(t, os.Rename(data, elsewhere)) // the same folder, twice
	must(t, os.CopyFS(data, os.DirFS(elsewhere)))
	private(t, data)
	serve(t, data, "server")
	first := writePlan(t, f, "first.plan")
	signAll(t, f, first)
	if out, stderr, exit := cli(t, "--data", data, "release", "publish", first, "--wait", "0"); exit != exitDone {
		t.Fatal(out, stderr)
	}
	second := writePlan(t, f, "second.plan")
	sign := []string{"--data", elsewhere, "release", "sign", second, "--governor", "g2"}
	refused(t, "a folder that is behind", exitError, "follows one that is not known here, where release 1 is the newest", "portcullis release show --keep", sign...)
	out, stderr, exit := cli(t, "--data", elsewhere, "release", "show", "--keep")
	if exit != exitDone || !strings.Contains(out, "kept 1 release that this data folder lacked") {
		t.Fatal(out, stderr)
	}
	if out, stderr, exit := cli(t, sign...); exit != exitDone || !strings.Contains(out, "signed now by g2") {
		t.Error(out, stderr)
	}
	signAll(t, f, second)
	if out, stderr, exit := cli(t, "--data", data, "release", "publish", second, "--wait", "0"); exit != exitDone {
		t.Fatal(out, stderr)
	}
	third := filepath.Join(t.TempDir(), "third.plan")
	for _, arguments := range [][]string{{"plan", "--out", third}, {"sign", third}} {
		if out, stderr, exit := cli(t, append([]string{"--data", elsewhere, "release"}, arguments...)...); exit != exitDone {
			t.Error("planned from a folder that is behind:", out, stderr)
		}
	}
	policies := filepath.Join(t.TempDir(), "policies")
	if _, stderr, exit := cli(t, "--data", data, "release", "show", "--version", "1", "--out", policies); exit != exitDone {
		t.Error(stderr)
	}
	for _, name := range []string{"files.cedar", "money.cedar"} {
		got, err := os.ReadFile(filepath.Join(policies, "policies", name))
		must(t, err)
		want, err := os.ReadFile(filepath.Join(data, "release", "policies", name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
	refused(t, "a folder that exists", exitLocalState, "exists", "name a folder that does not", "--data", data, "release", "show", "--out", policies)
}

// TestWritePoliciesStaysInItsFolder: names come from a ledger.
func TestWritePoliciesStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"../out.cedar", "a/../../out.cedar", "/etc/out.cedar"} {
		s := zone.StandingRelease{Release: &governance.Release{Proto: &pb.Release{Policies: []*pb.PolicySource{{Name: name, Text: "x"}}}}}
		err := writePolicies(filepath.Join(dir, string(rune('a'+i))), s)
		if _, stat := os.Stat(filepath.Join(dir, "out.cedar")); err == nil || stat == nil {
			t.Errorf("%s: %v, %v", name, err, stat)
		}
	}
}

// private makes a copied data folder this user's alone.
func private(t *testing.T, data string) {
	t.Helper()
	must(t, filepath.WalkDir(data, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if entry.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	}))
	_, err := fabric.Open(data)
	must(t, err)
}
