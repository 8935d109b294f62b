package world

import (
	"fmt"
	"os/exec"
	"testing"
)

// The network: a switch, to which the hosts and the test itself are plugged, carries the fabric's traffic. Besides, each host
// has a cable of its own to the test, on which it reaches no broker: over it actions have their effect, even while the
// host is cut off from the fabric.
const (
	fabricNet   = "10.77.0." // the test is .1, host n is .(10+n)
	effectNet   = "10.78."   // of host n: .n.1 is the test's end, .n.2 the host's
	testAddress = fabricNet + "1"
	// EffectAddress is where every host reaches the test for effects.
	EffectAddress = "10.79.0.1"
)

// Network connects hosts. A test binary has at most one at a time.
type Network struct {
	t     testing.TB
	hosts int
}

// NewNetwork makes a switch and plugs the test itself in.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	must(t, ip("link", "set", "lo", "up"))
	must(t, ip("addr", "replace", EffectAddress+"/32", "dev", "lo"))
	must(t, ip("link", "add", "switch", "type", "bridge"))
	t.Cleanup(func() { must(t, ip("link", "del", "switch")) })
	must(t, ip("addr", "add", testAddress+"/24", "dev", "switch"))
	must(t, ip("link", "set", "switch", "up"))
	return &Network{t: t}
}

// attach gives a new host its two cables.
func (n *Network) attach(h *Host) {
	n.t.Helper()
	n.hosts++
	h.number = n.hosts
	h.Address = fmt.Sprintf("%s%d", fabricNet, 10+h.number)
	near, far := fmt.Sprintf("%s%d.1", effectNet, h.number), fmt.Sprintf("%s%d.2", effectNet, h.number)
	n.cable(h, h.plug(), "fabric")
	must(n.t, ip("link", "set", h.plug(), "master", "switch"))
	n.cable(h, h.outlet(), "effect")
	must(n.t, ip("addr", "add", near+"/24", "dev", h.outlet()))
	h.ip("link", "set", "lo", "up")
	h.ip("addr", "add", h.Address+"/24", "dev", "fabric")
	h.ip("link", "set", "fabric", "up")
	h.ip("addr", "add", far+"/24", "dev", "effect")
	h.ip("link", "set", "effect", "up")
	h.ip("route", "add", EffectAddress, "via", near)
}

// cable makes a pair of network cards, one here and one on the host.
func (n *Network) cable(h *Host, here, there string) {
	n.t.Helper()
	must(n.t, ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", h.id()))
	n.t.Cleanup(func() { must(n.t, ip("link", "del", here)) })
	must(n.t, ip("link", "set", here, "up"))
}

func (h *Host) plug() string   { return fmt.Sprintf("plug%d", h.number) }
func (h *Host) outlet() string { return fmt.Sprintf("outlet%d", h.number) }

// Cut unplugs the host from the switch: what it sends to others vanishes, and what they send to it, without a word. Its effects
// still reach the test.
func (h *Host) Cut() {
	h.t.Helper()
	must(h.t, ip("link", "set", h.plug(), "down"))
}

// Mend plugs it in again.
func (h *Host) Mend() {
	h.t.Helper()
	must(h.t, ip("link", "set", h.plug(), "up"))
}

// CutFrom cuts one way between two hosts, in both directions; everybody else reaches both.
func (h *Host) CutFrom(other *Host) {
	h.t.Helper()
	h.ip("route", "add", "blackhole", other.Address)
	other.ip("route", "add", "blackhole", h.Address)
}

// MendTo mends what CutFrom cut.
func (h *Host) MendTo(other *Host) {
	h.t.Helper()
	h.ip("route", "del", "blackhole", other.Address)
	other.ip("route", "del", "blackhole", h.Address)
}

// ip runs the command of this name in the test's namespace.
func ip(arguments ...string) error { return command(append([]string{"ip"}, arguments...)...) }

// command runs a command that returns at once.
func command(line ...string) error {
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput() //nolint:gosec,noctx // the caller's own words
	if err != nil {
		return fmt.Errorf("world: %q: %w: %s", line, err, out)
	}
	return nil
}
