package world

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Broker is one of the zone's servers, on a host and a disk of its own.
type Broker struct {
	*Host
	*Process
	Disk *Disk

	w      *World
	number int    // from 1
	config string // file
}

const clientPort, routePort = 4222, 6222

func brokerURL(h *Host) string { return "nats://" + h.Address + ":" + strconv.Itoa(clientPort) }

// server is the broker's name in its cluster.
func (b *Broker) server() string { return fmt.Sprintf("%s-%d", b.w.Fabric.Zone, b.number) }

// configure writes the configuration of every broker.
func (w *World) configure() {
	w.t.Helper()
	var all []string
	for _, b := range w.Brokers {
		all = append(all, b.Address+":"+strconv.Itoa(routePort))
	}
	routes := strings.Join(all, ",")
	for _, b := range w.Brokers {
		b.config = filepath.Join(w.dir, b.Host.Name+".conf")
		w.Command("broker", "config", "--number", strconv.Itoa(b.number), "--routes", routes, "--store", b.Disk.dir, "--out", b.config)
	}
}

// Restart starts the broker's process, which must not be running.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	p, err := b.TryStart()
	must(t, err)
	b.Process = p
}

// TryStart is Restart for a broker that may refuse.
func (b *Broker) TryStart() (*Process, error) {
	return b.Host.Start(b.Host.Name, "--json", "broker", "run", b.config)
}
