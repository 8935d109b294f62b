//go:build unix

package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
)

// TestBrakeSignal: SIGUSR1 pulls the brake of a process's folder. The executors
// run in the test's own process.
func TestBrakeSignal(t *testing.T) {
	data := newZone(t)
	brake, err := fabric.OpenBrake(data)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs pipe
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, []string{"--data", data, "up"}, &out, &errs) }()
	eventually(t, func() bool { return strings.Contains(out.String(), "Ctrl-C ends it.") })
	must(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	eventually(t, func() bool { return strings.Contains(brake.Engaged(), `"signal SIGUSR1"`) })
	propose := []string{"--data", data, "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt", "--timeout"}
	if out, _, exit := cli(t, append(propose, "1s")...); exit != exitUnanswered {
		t.Errorf("with the brake on: exit %d: %s", exit, out)
	}
	if out, stderr, exit := cli(t, "--data", data, "resume", "--local", "--reason", "over"); exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	if out, stderr, exit := cli(t, append(propose, "20s")...); exit != exitDone {
		t.Errorf("without the brake: exit %d: %s%s", exit, out, stderr)
	}
	cancel()
	if code := <-exit; code != exitDone {
		t.Errorf("up: exit %d: %s", code, errs.String())
	}
}
