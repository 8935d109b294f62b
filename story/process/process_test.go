package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/story/process"
)

// act is what the test's own executable does as a child.
const act = "PORTCULLIS_TEST_CHILD"

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if what := os.Getenv(act); what != "" {
		os.Exit(child(what))
	}
	os.Exit(m.Run())
}

func child(what string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Fprintln(os.Stderr, "child", what)
	if what == "fails" {
		return 3
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "not JSON")
	fmt.Fprintln(out, `{"event":"other","server":"nats://wrong"}`)
	if what != "never ready" {
		fmt.Fprintln(out, `{"event":"ready","server":"nats://right"}`)
	}
	_ = out.Flush()
	<-signals
	switch what {
	case "stubborn":
		select {}
	case "ends badly":
		return 4
	}
	return 0
}

func start(t *testing.T, ctx context.Context, what string) (*process.Process, error) {
	t.Helper()
	t.Setenv(act, what)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return process.Start(ctx, what, executable)
}

func TestStartAndStop(t *testing.T) {
	p, err := start(t, t.Context(), "well")
	if err != nil {
		t.Fatal(err)
	}
	if p.URL != "nats://right" {
		t.Errorf("the broker is at %q", p.URL)
	}
	if err := p.Pause(); err != nil {
		t.Error(err)
	}
	if err := p.Resume(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
	if err := p.Stop(patience); err != nil {
		t.Errorf("a second time: %v", err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("it has ended and is not done")
	}
}

func TestStopRefused(t *testing.T) {
	tests := map[string]struct {
		patience time.Duration
		says     string
	}{
		"ends badly": {patience, "exit status 4"},
		"stubborn":   {time.Millisecond, "did not end within"},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			p, err := start(t, t.Context(), what)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Stop(test.patience); err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "child "+what) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestKill(t *testing.T) {
	p, err := start(t, t.Context(), "stubborn")
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if err := p.Stop(patience); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
}

func TestStartRefused(t *testing.T) {
	if _, err := start(t, t.Context(), "fails"); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "child fails") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := start(t, ctx, "never ready"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := process.Start(t.Context(), "none", "/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
