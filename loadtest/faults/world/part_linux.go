package world

import (
	"fmt"
	"testing"
)

// Part is a participant of the zone, on a host of its own.
type Part struct {
	*Host
	*Process

	w    *World
	role string
}

// Restart starts the part's process, which must not be running, and waits until it can do its work.
func (p *Part) Restart(t testing.TB) {
	t.Helper()
	process, err := p.Host.Start(p.Host.Name, "--json", "--log-level", "info", "--data", p.w.Fabric.Dir, p.role, p.Host.Name)
	must(t, err)
	p.Process = process
}

// Launch starts the part's process, which must not be running, and does not wait.
func (p *Part) Launch() {
	p.w.t.Helper()
	process, err := p.Host.Launch(p.Host.Name, "--json", "--log-level", "info", "--data", p.w.Fabric.Dir, p.role, p.Host.Name)
	must(p.w.t, err)
	p.Process = process
}

// effectAddress is where its effects come from.
func (p *Part) effectAddress() string { return fmt.Sprintf("%s%d.2", effectNet, p.Host.number) }
