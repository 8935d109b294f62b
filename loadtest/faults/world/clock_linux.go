package world

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A process asks what time it is without entering its kernel: it calls a function that the kernel maps into it (the vDSO).
// Each process can be given a copy of its own of that page, as a debugger does to set a breakpoint. So a wall
// clock can jump for one process alone, while it runs, and the binary under test has no word of it.
const clockFunction = "__vdso_clock_gettime"

// JumpClock makes the wall clock of a running process jump by some seconds, forward or back, until back is called. What
// counts from the machine's start (CLOCK_MONOTONIC, CLOCK_BOOTTIME) goes on as it did: that is what a host
// shows whose clock was set.
func (p *Process) JumpClock(t testing.TB, by time.Duration) (back func()) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Fatalf("the clock of a process can be set on amd64 only, and this is %s; run the test there", runtime.GOARCH)
	}
	low, image := p.vdso(t)
	at, room, err := clockCode(image)
	must(t, err)
	code := shifted(int64(by / time.Second))
	if len(code) > room {
		t.Fatalf("the kernel's %s has %d bytes, %d are needed; try another kernel", clockFunction, room, len(code))
	}
	before := bytes.Clone(image[at : at+len(code)])
	p.poke(t, low, len(image), low+int64(at), code)
	return func() {
		t.Helper()
		p.poke(t, low, len(image), low+int64(at), before)
	}
}

// shifted is a function in machine code that does what clock_gettime does, by a system call, and adds seconds to CLOCK_REALTIME.
func shifted(seconds int64) []byte {
	code := []byte{
		0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
		0x0f, 0x05, // syscall; edi and rsi keep the arguments
		0x85, 0xff, // test edi, edi
		0x75, 13, // jne ret: not CLOCK_REALTIME
		0x48, 0xb9, // mov rcx, seconds
	}
	code = binary.LittleEndian.AppendUint64(code, uint64(seconds)) //nolint:gosec // two's complement is meant
	return append(code,
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // ret
	)
}

// vdso is where the page stands in the process, and what is in it.
func (p *Process) vdso(t testing.TB) (low int64, image []byte) {
	t.Helper()
	maps, err := os.ReadFile(p.proc("maps"))
	must(t, err)
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		from, rest, _ := strings.Cut(line, "-")
		to, _, _ := strings.Cut(rest, " ")
		low, err = strconv.ParseInt(from, 16, 64)
		must(t, err)
		high, err := strconv.ParseInt(to, 16, 64)
		must(t, err)
		return low, p.peek(t, low, int(high-low))
	}
	t.Fatalf("%s has no vDSO; start the kernel without vdso=0", p.Name)
	return 0, nil
}

// peek reads some of the process's memory.
func (p *Process) peek(t testing.TB, at int64, size int) []byte {
	t.Helper()
	mem, err := os.Open(p.proc("mem"))
	must(t, err)
	defer mem.Close()
	data := make([]byte, size)
	_, err = mem.ReadAt(data, at)
	must(t, err)
	return data
}

// clockCode finds the function that tells the time.
func clockCode(image []byte) (at, room int, err error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, fmt.Errorf("world: the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, 0, fmt.Errorf("world: the vDSO: %w", err)
	}
	for _, s := range symbols {
		if s.Name == clockFunction {
			return int(s.Value), int(s.Size), nil //nolint:gosec // within two pages
		}
	}
	return 0, 0, fmt.Errorf("world: the vDSO has no %s", clockFunction)
}

// poke writes into the page while the process stands still and none of its threads is in that page.
func (p *Process) poke(t testing.TB, low int64, size int, at int64, code []byte) {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		p.Pause(t)
		if !p.within(t, low, low+int64(size)) {
			break
		}
		p.Resume(t)
		if time.Now().After(deadline) {
			t.Fatalf("%s never leaves its vDSO", p.Name)
		}
	}
	defer p.Resume(t)
	mem, err := os.OpenFile(p.proc("mem"), os.O_WRONLY, 0)
	must(t, err)
	_, err = mem.WriteAt(code, at)
	must(t, err)
	must(t, mem.Close())
}

// within reports whether a thread of a process that stands still is between two addresses.
func (p *Process) within(t testing.TB, low, high int64) bool {
	t.Helper()
	for _, thread := range p.threads(t) {
		text, err := os.ReadFile(thread + "/syscall")
		if err != nil {
			continue // it has ended meanwhile
		}
		words := strings.Fields(string(text))
		counter, err := strconv.ParseInt(strings.TrimPrefix(words[len(words)-1], "0x"), 16, 64)
		if err != nil || counter >= low && counter < high {
			return true // "running", or in the page
		}
	}
	return false
}
