package world

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Slow makes every sync of a running process take so much longer, as a disk that is worn out or overrun would, until mend is
// called.
func (h *Host) Slow(p *Process, by time.Duration) (mend func()) {
	h.t.Helper()
	const syncs = "fsync,fdatasync"
	tracer := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "trace="+syncs, //nolint:gosec,noctx // mend ends it
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", syncs, by.Microseconds()), "-p", strconv.Itoa(p.PID()))
	messages, err := tracer.StderrPipe()
	must(h.t, err)
	must(h.t, tracer.Start())
	ended := false
	mend = func() {
		if ended {
			return
		}
		ended = true
		_ = tracer.Process.Kill() // the kernel detaches what it traced
		_ = tracer.Wait()
	}
	h.t.Cleanup(mend)
	var said strings.Builder
	for lines := bufio.NewScanner(messages); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "attached") {
			go func() { _, _ = io.Copy(io.Discard, messages) }()
			return mend
		}
	}
	h.t.Fatalf("strace cannot attach to %s; allow ptrace (as root, or kernel.yama.ptrace_scope=0): %s", p.Name, &said)
	return nil
}
