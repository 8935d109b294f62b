// Package profile watches what this process does with its processors and its memory, for a load test or for a service
// that somebody wants to look into. A process can be watched once at a time: so the runtime wants it.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

// Profile is being taken. Safe for concurrent use.
type Profile struct {
	dir string // "" keeps nothing
	cpu bytes.Buffer

	mu     sync.Mutex
	flight *trace.FlightRecorder // nil if nothing is kept, or when it was stopped
	traced bool
}

// What the flight recorder holds at least in time, and about at most in memory.
const (
	keptFor   = 5 * time.Second
	keptBytes = 64 << 20
)

// Start begins a profile of the processor. With a folder, which is made if it is missing, it also keeps the last
// seconds of what every goroutine did, which costs a little.
func Start(dir string) (*Profile, error) {
	p := &Profile{dir: dir}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		p.flight = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: keptFor, MaxBytes: keptBytes})
		if err := p.flight.Start(); err != nil {
			return nil, fmt.Errorf("profile: the flight recorder: %w; end what records already", err)
		}
	}
	if err := pprof.StartCPUProfile(&p.cpu); err != nil {
		p.endFlight()
		return nil, fmt.Errorf("profile: the processor: %w; end what profiles already", err)
	}
	return p, nil
}

// Trace writes trace.out: what happened in the last seconds. Only the first call does; without a folder none.
func (p *Profile) Trace() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flight == nil || p.traced {
		return nil
	}
	p.traced = true
	return p.write("trace.out", func(f *os.File) error {
		_, err := p.flight.WriteTo(f)
		return err
	})
}

// Stop ends the profile and returns that of the processor, in the format of pprof. Into the folder it writes
// cpu.pprof, heap.pprof, and trace.out unless Trace has.
func (p *Profile) Stop() (cpu []byte, err error) {
	pprof.StopCPUProfile()
	if p.dir != "" {
		err = errors.Join(
			p.Trace(),
			p.write("cpu.pprof", func(f *os.File) error {
				_, err := f.Write(p.cpu.Bytes())
				return err
			}),
			p.write("heap.pprof", func(f *os.File) error {
				runtime.GC() // the heap's profile is as of the last collection
				return pprof.WriteHeapProfile(f)
			}),
		)
	}
	p.endFlight()
	return p.cpu.Bytes(), err
}

func (p *Profile) endFlight() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flight != nil {
		p.flight.Stop()
		p.flight = nil
	}
}

func (p *Profile) write(name string, fill func(*os.File) error) error {
	f, err := os.OpenFile(filepath.Join(p.dir, name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := errors.Join(fill(f), f.Close()); err != nil {
		return fmt.Errorf("profile: writing %s: %w", f.Name(), err)
	}
	return nil
}
