//go:build faults

package single_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/single/disk"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const diskSize = 192 << 20

// host is a machine that loses its power: a disk, and the parts that run on it.
type host struct {
	*site
	disk   *disk.Disk
	parts  []string
	random *rand.Rand
}

// everythingOn puts a whole zone on one host.
func everythingOn(t *testing.T, durability pb.Durability) *host {
	t.Helper()
	d := newDisk(t, filepath.Join(t.TempDir(), "host"))
	s := newSite(t, filepath.Join(d.Dir(), "data"), durability)
	return s.host(d, everything)
}

// brokerOn puts the broker alone on a host of its own; the others' disks know no power loss.
func brokerOn(t *testing.T, durability pb.Durability) *host {
	t.Helper()
	s := newSite(t, filepath.Join(t.TempDir(), "data"), durability)
	return s.host(newDisk(t, s.fabric.ServerDir()), everything[:1])
}

func newDisk(t *testing.T, dir string) *disk.Disk {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	d, err := disk.Make(t.Context(), dir, filepath.Join(t.TempDir(), "image"), diskSize)
	must(t, err)
	must(t, d.On(t.Context()))
	return d
}

// host is what a site is on. What was made so far is on the medium.
func (s *site) host(d *disk.Disk, parts []string) *host {
	s.t.Helper()
	seed := uint64(time.Now().UnixNano())
	s.t.Logf("seed %d", seed)
	h := &host{s, d, parts, rand.New(rand.NewPCG(seed, 0))}
	must(s.t, d.Off(s.t.Context()))
	must(s.t, d.On(s.t.Context()))
	s.t.Cleanup(func() { // before the site's own, which reads nothing of the disk
		s.disconnect()
		s.kill(everything...)
		must(s.t, d.Off(context.WithoutCancel(s.t.Context())))
	})
	return h
}

// lose takes the power away, at once or with one of the next writes, and gives it back; nothing is started.
func (h *host) lose(writes, survive int) disk.Cut {
	h.t.Helper()
	cut, err := h.disk.Cut(writes, survive, h.random.Uint64())
	must(h.t, err)
	h.site.kill(h.parts...)
	must(h.t, h.disk.Off(h.t.Context()))
	must(h.t, h.disk.On(h.t.Context()))
	return cut
}

// TestPowerLoss: with sync always nothing that was acknowledged is lost, however often the power fails under load and
// whatever the disk's cache makes of it; every effect has its claim on the ledger, none was repeated, and the zone goes on
// by itself.
func TestPowerLoss(t *testing.T) {
	for _, test := range []struct {
		name string
		on   func(*testing.T, pb.Durability) *host
	}{
		{"of everything", everythingOn},
		{"of the broker", brokerOn},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := test.on(t, syncAlways)
			h.start(everything...)
			h.connect()
			stop := h.load()
			h.awaitProgress()
			lost, cached := 0, 0
			for round := range *rounds {
				// The wait is the experiment: the moment must have nothing to do with what runs.
				time.Sleep(time.Duration(h.random.Int64N(int64(time.Second))))
				cut := h.lose(1+h.random.IntN(20), []int{0, 500, 1000}[round%3])
				lost, cached = lost+cut.Lost, cached+cut.Cached
				t.Logf("power loss %d: %+v", round, cut)
				h.start(h.parts...)
				h.awaitProgress()
			}
			stop()
			a := h.complete(0)
			report.row(t, fmt.Sprintf("power loss %s, sync always, %d times", test.name, *rounds),
				fmt.Sprintf("0 of %d records lost; of %d KiB in the disk's cache %d KiB were dropped; %d effects, each once and claimed", a.last, cached>>10, lost>>10, h.outside.count()))
		})
	}
}
