package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// binaryVariable tells the moved test where the binary under test is; that it is set says that the test was moved.
const binaryVariable = "PORTCULLIS_FAULTS_BINARY"

// needed are the commands without which nothing can be injected, with Debian's packages of them.
var needed = []struct{ command, debian string }{
	{"ip", "iproute2"},
	{"mount", "mount"},
	{"nsenter", "util-linux"},
	{"strace", "strace"},
	{"unshare", "util-linux"},
}

// Main runs a test binary in network, mount and process namespaces of its own, and returns the exit code for [os.Exit].
// Whatever a test starts ends with it.
func Main(m *testing.M) int {
	run := moved
	if os.Getenv(binaryVariable) != "" {
		run = func() (int, error) { return m.Run(), printTable() }
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// moved builds the binary under test and runs this test binary again, inside.
func moved() (code int, err error) {
	if err := tools(); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "portcullis-faults-")
	if err != nil {
		return 0, fmt.Errorf("world: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "portcullis")
	build := exec.Command("go", "build", "-o", binary, "github.com/portcullis-dev/portcullis/cmd/portcullis") //nolint:gosec,noctx // it ends by itself
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("world: building the binary under test: %w: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("world: %w", err)
	}
	line := append([]string{"--net", "--mount", "--pid", "--mount-proc", "--kill-child"}, userNamespace()...)
	inside := exec.Command("unshare", append(append(line, self), os.Args[1:]...)...) //nolint:gosec,noctx // this very binary
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	inside.Env = append(os.Environ(), binaryVariable+"="+binary)
	inside.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal is sent when the thread ends that started it
	defer runtime.UnlockOSThread()
	err = inside.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 0, fmt.Errorf("world: no namespaces of one's own: %w; run the test as root, or allow user namespaces", err)
	}
	return 0, nil
}

// userNamespace is what unshare needs besides for somebody who is not root.
func userNamespace() []string {
	if os.Geteuid() == 0 {
		return nil
	}
	return []string{"--user", "--map-root-user"}
}

func tools() error {
	var missing []string
	for _, tool := range needed {
		if _, err := exec.LookPath(tool.command); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", tool.command, tool.debian))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("world: %s not found; install them, for example with apt-get install", strings.Join(missing, ", "))
	}
	return nil
}

// Binary is the executable under test.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv(binaryVariable)
	if path == "" {
		t.Fatal("world: the test was not moved into namespaces of its own; call world.Main from TestMain")
	}
	return path
}
