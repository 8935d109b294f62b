package disk

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// isolated is set in the environment of the isolated process, which inherits the
// mount namespace that it came from as a file.
const (
	isolated    = "PORTCULLIS_FAULT_ISOLATED"
	isolatedOut = 3
)

// origin is that namespace. The file is made once: collecting it would close it.
var origin = sync.OnceValue(func() *os.File { return os.NewFile(isolatedOut, "mount namespace") })

// Isolate runs this executable again, with the same arguments, as the first process
// of its own mount and process namespaces, and ends with its exit code: what it
// mounts nobody else sees, and nothing that it starts outlives it. In the isolated
// process Isolate returns nil.
func Isolate() error {
	if os.Getenv(isolated) != "" {
		// The processes of this namespace, for whoever looks one up by its id.
		if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("disk: mounting /proc: %w", err)
		}
		return nil
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	namespace, err := os.Open("/proc/self/ns/mnt")
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer namespace.Close()
	runtime.LockOSThread()                                       // the child ends with the thread that started it
	p, err := os.StartProcess(executable, os.Args, &os.ProcAttr{ //nolint:gosec // this executable, with its own arguments
		Env: append(os.Environ(), isolated+"=1"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, namespace},
		Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("disk: a mount namespace of one's own: %w; run as root", err)
	}
	state, err := p.Wait()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	code := state.ExitCode()
	if !state.Exited() {
		code = 1
	}
	os.Exit(code) //nolint:revive // the isolated process's exit code is this one's
	return nil
}
