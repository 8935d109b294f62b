package fleet

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
)

// stock is what the process holds at a moment, garbage left out.
type stock struct {
	resident, heap, stacks uint64
	goroutines             int
	parts                  map[string]float64
}

// takeStock collects the garbage, gives back what is free, and looks.
func takeStock() stock {
	runtime.GC() // what finalizers held goes with the next one
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return stock{resident: resident(), heap: m.HeapAlloc, stacks: m.StackInuse, goroutines: runtime.NumGoroutine(), parts: parts()}
}

// since is what one of n followers has added.
func (s stock) since(before stock, n int) Memory {
	each := func(now, then uint64) int64 { return (int64(now) - int64(then)) / int64(n) } //nolint:gosec // sizes of memory
	m := Memory{
		Resident: each(s.resident, before.resident), Heap: each(s.heap, before.heap), Stacks: each(s.stacks, before.stacks),
		Goroutines: float64(s.goroutines-before.goroutines) / float64(n), Total: s.resident,
	}
	for name, bytes := range s.parts {
		m.Parts = append(m.Parts, Part{name, int64((bytes - before.parts[name]) / float64(n))})
	}
	slices.SortFunc(m.Parts, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return m
}

// resident is the memory that the system has given this process; what the runtime got, where the system does not tell.
func resident() uint64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(statm); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
			return pages * uint64(os.Getpagesize()) //nolint:gosec // positive
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// owners says whose memory it is, by the first function on the way up from an allocation that one of them has.
var owners = []struct{ prefix, name string }{
	{"github.com/nats-io/nats-server/", "broker"},
	{"github.com/nats-io/nats%2ego", "client"}, // as the runtime writes a dot in a package's last word,
	{"github.com/portcullis-dev/portcullis/core/", "fold"},
	{"github.com/portcullis-dev/portcullis/schemas", "fold"},
	{"github.com/portcullis-dev/portcullis/streams", "streams"},
	{"github.com/portcullis-dev/portcullis/", "rest of the program"},
}

// parts divides the heap among owners, by the runtime's sampling profile.
func parts() map[string]float64 {
	records := make([]runtime.MemProfileRecord, 1024)
	for {
		n, ok := runtime.MemProfile(records, false)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, n+n/4)
	}
	all := make(map[string]float64)
	for i := range records {
		all[ownerOf(records[i].Stack())] += unsampled(&records[i])
	}
	return all
}

// unsampled is how much memory a record of the profile stands for: an allocation of b bytes is sampled with the probability
// 1-exp(-b/rate).
func unsampled(r *runtime.MemProfileRecord) float64 {
	bytes, objects := float64(r.InUseBytes()), float64(r.InUseObjects())
	if bytes <= 0 || objects <= 0 || runtime.MemProfileRate <= 1 {
		return max(bytes, 0)
	}
	return bytes / (1 - math.Exp(-bytes/objects/float64(runtime.MemProfileRate)))
}

func ownerOf(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		for _, o := range owners {
			if strings.HasPrefix(frame.Function, o.prefix) {
				return o.name
			}
		}
		if !more {
			return "runtime"
		}
	}
}

// profile writes a heap profile while all followers follow, if that was asked for.
func (c *Config) profile(n int) error {
	if c.Profiles == "" {
		return nil
	}
	if err := os.MkdirAll(c.Profiles, 0o700); err != nil {
		return fmt.Errorf("the profile's folder: %w", err)
	}
	var b bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&b, 0); err != nil {
		return fmt.Errorf("the heap's profile: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.Profiles, fmt.Sprintf("heap-%d.pprof", n)), b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("the heap's profile: %w", err)
	}
	return nil
}
