package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Sentinel notes when one sentinel heard whom. Safe for concurrent use; nil notes
// nothing.
type Sentinel struct {
	m    *Meters
	name string

	mu    sync.Mutex
	heard map[trust.Identity]*atomic.Int64 // this machine's clock, Unix nanoseconds
}

// Sentinel is the meter of a sentinel by its name in the directory.
func (m *Meters) Sentinel(name string) *Sentinel {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sentinels[name]
	if s == nil {
		s = &Sentinel{m: m, name: name, heard: make(map[trust.Identity]*atomic.Int64)}
		m.sentinels[name] = s
	}
	return s
}

// Heard notes a heartbeat of a participant of the directory. Its age grows until the
// next, for as long as the process runs: whoever is silent does not drop out of sight.
func (s *Sentinel) Heard(from trust.Identity, at time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	newest, known := s.heard[from]
	if !known {
		newest = new(atomic.Int64)
		s.heard[from] = newest
	}
	s.mu.Unlock()
	newest.Store(at.UnixNano())
	if known {
		return
	}
	s.m.set.NewGauge(series(heartbeatAge, "name", s.name, "role", trust.RoleName(from.Role), "participant", from.Name), func() float64 {
		return max(time.Since(time.Unix(0, newest.Load())), 0).Seconds()
	})
}
