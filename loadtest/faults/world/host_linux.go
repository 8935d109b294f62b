package world

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Host is a machine as far as a process can tell: network cards of its own, and mounts. A keeper process holds its namespaces
// open, so that it outlives what runs on it. It ends with the test.
type Host struct {
	Name    string
	Address string // in the fabric's network

	t      testing.TB
	number int // from 1
	keeper int // process id
	logs   string
}

// NewHost makes a host and plugs it into the network. Logs is the folder for what its processes log.
func NewHost(n *Network, name, logs string) *Host {
	n.t.Helper()
	// It ends with its standard input.
	keeper := exec.Command("unshare", "--net", "--mount", "sh", "-c", "echo there && exec cat") //nolint:noctx // see above
	hold, err := keeper.StdinPipe()
	must(n.t, err)
	out, err := keeper.StdoutPipe()
	must(n.t, err)
	must(n.t, keeper.Start())
	n.t.Cleanup(func() {
		must(n.t, hold.Close())
		must(n.t, keeper.Wait())
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "there\n" {
		n.t.Fatalf("%s: no namespaces (%v); run the test as root, or allow user namespaces", name, err)
	}
	h := &Host{Name: name, t: n.t, keeper: keeper.Process.Pid, logs: logs}
	n.attach(h)
	return h
}

func (h *Host) id() string { return strconv.Itoa(h.keeper) }

// inside is the command line that runs another one on the host.
func (h *Host) inside(line ...string) []string {
	return append([]string{"nsenter", "--target", h.id(), "--net", "--mount"}, line...)
}

func (h *Host) ip(arguments ...string) {
	h.t.Helper()
	must(h.t, command(h.inside(append([]string{"ip"}, arguments...)...)...))
}

// Start runs the binary under test on the host, as a process of that name, and waits until it says that it is ready.
func (h *Host) Start(name string, arguments ...string) (*Process, error) {
	h.t.Helper()
	return h.start(name, true, append([]string{Binary(h.t)}, arguments...))
}

// Launch is Start without the wait.
func (h *Host) Launch(name string, arguments ...string) (*Process, error) {
	h.t.Helper()
	return h.start(name, false, append([]string{Binary(h.t)}, arguments...))
}

func (h *Host) start(name string, awaitReady bool, line []string) (*Process, error) {
	h.t.Helper()
	return spawn(h.t, name, filepath.Join(h.logs, name+".log"), awaitReady, h.inside(line...))
}
