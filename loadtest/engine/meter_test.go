package engine

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/profile"
)

func TestWhoseASampleIs(t *testing.T) {
	enforcer := map[string][]string{roleLabel: {"enforcer"}}
	for name, tt := range map[string]struct {
		labels map[string][]string
		stack  []string
		want   string
	}{
		"labelled":                         {enforcer, []string{"crypto/ed25519.Verify"}, "enforcer"},
		"the broker's, for a client of it": {enforcer, []string{"syscall.Syscall", "github.com/nats-io/nats-server/v2/server.(*client).readLoop"}, roleBroker},
		"a client's library":               {enforcer, []string{"github.com/nats-io/nats.go.(*Conn).readLoop"}, "enforcer"},
		"the collector's":                  {nil, []string{"runtime.scanobject", "runtime.gcBgMarkWorker"}, roleRuntime},
		"nobody's":                         {nil, []string{"runtime.findRunnable"}, roleOther},
	} {
		if got := roleOf(tt.labels, tt.stack); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestRolesAreTold: goroutines of a label, and those that they start, are told apart by a profile.
func TestRolesAreTold(t *testing.T) {
	p, err := profile.Start("")
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"enforcer", "executor"} {
		_ = as(t.Context(), role, func(context.Context) error {
			done := make(chan struct{})
			go func() {
				defer close(done)
				spin(500 * time.Millisecond)
			}()
			<-done
			return nil
		})
	}
	cpu, err := p.Stop()
	if err != nil {
		t.Fatal(err)
	}
	roles, err := shared(cpu, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	found := map[string]bool{}
	for _, r := range roles {
		sum += r.CPU
		found[r.Name] = r.CPU > 0
	}
	if !found["enforcer"] || !found["executor"] || (sum-10*time.Second).Abs() > time.Millisecond {
		t.Errorf("%v of processor time are told as %+v", 10*time.Second, roles)
	}
}

func TestWhatAProcessUsed(t *testing.T) {
	stat := filepath.Join(t.TempDir(), "stat")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(stat, "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100")
	if cpu, err := cpuOf(stat); err != nil || cpu != 3*time.Second {
		t.Errorf("%v, %v; want 3s", cpu, err)
	}
	for name, text := range map[string]string{"short": "7 (a) S 1", "no number": "7 (a) S 1 7 7 0 -1 4194560 100 0 0 0 x 50 0", "empty": ""} {
		write(stat, text)
		if cpu, err := cpuOf(stat); err == nil {
			t.Errorf("%s: %v", name, cpu)
		}
	}
	status := filepath.Join(t.TempDir(), "status")
	write(status, "Name:\tportcullis\nVmHWM:\t  2048 kB\n")
	if peak, err := peakOf(status); err != nil || peak != 2<<20 {
		t.Errorf("%d, %v; want 2 MiB", peak, err)
	}
	write(status, "Name:\tportcullis\n")
	if peak, err := peakOf(status); err == nil {
		t.Errorf("without its line: %d", peak)
	}
}

func TestThisProcessHasMemory(t *testing.T) {
	if n := resident(0); n < 1<<20 {
		t.Errorf("%d bytes", n)
	}
	if n := resident(1 << 30); n != 0 {
		t.Error("a process that does not exist has " + strconv.FormatUint(n, 10) + " bytes")
	}
}
