//go:build faults

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
)

// builds are separate builds of this program: what the compiler makes of it must
// not matter.
var builds = map[string][]string{
	"as it is":    nil,
	"unoptimised": {"-gcflags=all=-N -l", "-trimpath"},
}

// TestFaultlessInEveryBuild audits one export, and a damaged copy of it, with two
// builds of this program, on one processor and on two: the reports are the same
// to the byte (S5).
func TestFaultlessInEveryBuild(t *testing.T) {
	flags := zoneToRead(t)
	f, err := fabric.Open(flags[1])
	must(t, err)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "ledger.pcx"), filepath.Join(dir, "damaged.pcx")
	if stdout, stderr, exit := cli(t, append(flags, "export", "-o", good)...); exit != exitDone {
		t.Fatalf("export: exit %d: %s%s", exit, stdout, stderr)
	}
	data, err := os.ReadFile(good)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(bad, data, 0o600))
	want := map[string]string{}
	for name, options := range builds {
		binary := filepath.Join(dir, "portcullis "+name)
		build := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", binary}, options...), ".")...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		for file, exit := range map[string]int{good: exitDone, bad: exitFindings} {
			for _, processors := range []string{"1", "2"} {
				got := audited(t.Context(), t, exit, "GOMAXPROCS="+processors, binary, "--json", "audit", file, "--anchor", f.Ledger.String())
				if want[file] == "" {
					want[file] = got
				}
				if got != want[file] {
					t.Errorf("%s, on %s processors:\n%s\nelsewhere:\n%s", name, processors, got, want[file])
				}
			}
		}
	}
	if want[good] == want[bad] {
		t.Error("the damage does not show")
	}
}

// audited is what a build writes.
func audited(ctx context.Context, t *testing.T, exit int, environment string, command ...string) string {
	t.Helper()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = append(os.Environ(), environment, asBinary+"=")
	out, err := c.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != exit {
		t.Fatalf("%v: exit %d, want %d: %s", command, got, exit, out)
	}
	return string(out)
}
