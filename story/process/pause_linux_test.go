package process

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPausedStandsStill: when Pause returns, no thread of the child runs, however busy
// it was, also where it is asked for twice.
func TestPausedStandsStill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := Start(ctx, "busy", "/bin/sh", "-c", `echo '{"event":"ready"}'; while :; do :; done`)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	for range 50 {
		for range 2 {
			if err := p.Pause(); err != nil {
				t.Fatal(err)
			}
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
			if err != nil {
				t.Fatal(err)
			}
			if _, after, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(after, "T") {
				t.Fatalf("it runs on: %.40s", after)
			}
		}
		if err := p.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}
