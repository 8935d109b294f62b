//go:build faults

package single_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/single/disk"
)

var rounds = flag.Int("rounds", 4, "how often the power fails, or something is killed, in tests that repeat it")

// patience is for anything that must happen; generous, for slow machines.
const patience = 60 * time.Second

// binary is the portcullis under test.
var binary string

func TestMain(m *testing.M) {
	disk.Child()
	if err := disk.Isolate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

// run builds the binary, runs the tests and prints what came of each fault.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "portcullis-single-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "portcullis")
	build := exec.Command("go", "build", "-o", binary, "github.com/portcullis-dev/portcullis/cmd/portcullis") //nolint:noctx // it ends by itself
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binary under test: %v: %s\n", err, out)
		return 1
	}
	code := m.Run()
	report.print(os.Stdout)
	return code
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
