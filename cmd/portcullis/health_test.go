package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// healthSocket is a free path in a folder of this user's alone, short enough.
func healthSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "health") //nolint:usetesting // t.TempDir is too long for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "s")
}

// TestHealthOfAPart is what a health check sees of a real process: it waits for its
// broker, works, hangs, works, crashes, and is started again on the same socket.
func TestHealthOfAPart(t *testing.T) {
	t.Parallel()
	data, socket := newZone(t), healthSocket(t)
	becomes := func(want int, says string) {
		t.Helper()
		for end := time.Now().Add(killLoopPatience); ; time.Sleep(100 * time.Millisecond) {
			out, stderr, exit := cli(t, "health", "--part", socket)
			if exit == want && strings.Contains(out+stderr, says) {
				return
			}
			if time.Now().After(end) || exit != exitDone && exit != exitUnarmed {
				t.Fatalf("exit %d, not %d with %q: %s%s", exit, want, says, out, stderr)
			}
		}
	}
	part := []string{"part", "executor", "x1", "--health", socket}
	becomes(exitUnarmed, "no answer")

	waiting, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(waiting, append([]string{"--data", data}, part...), io.Discard, io.Discard) }()
	becomes(exitUnarmed, "it has not been started yet")
	stop()
	if exit := <-ended; exit != exitDone {
		t.Errorf("told to end while it waits for a broker: exit %d", exit)
	}
	becomes(exitUnarmed, "no answer")

	serve(t, data, "server")
	serve(t, data, "enforcer", "e1")
	serve(t, data, "recorder", "r1")
	serve(t, data, "sentinel", "s1")
	executor := begin(t, data, part...)
	becomes(exitDone, "executor x1 could act")
	must(t, executor.Pause())
	becomes(exitUnarmed, "no answer")
	must(t, executor.Resume())
	becomes(exitDone, "executor x1 could act")
	executor.Kill()
	becomes(exitUnarmed, "refused")
	serve(t, data, part...)
	becomes(exitDone, "executor x1 could act")
	if out, stderr, exit := cli(t, "--json", "health", "--part", socket); exit != exitDone || !strings.Contains(out, `"able":true`) {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
}

// TestHealthUsage: who asks for nobody's health, or runs what is no part, is told so.
func TestHealthUsage(t *testing.T) {
	t.Parallel()
	data, socket := newZone(t), healthSocket(t)
	for _, test := range []struct {
		exit      int
		arguments []string
	}{
		{exitUsage, []string{"health"}},
		{exitUsage, []string{"health", "--part", ""}},
		{exitUsage, []string{"health", "--part", socket, "--broker", "http://127.0.0.1:8222"}},
		{exitUsage, []string{"health", "--console", ""}},
		{exitUsage, []string{"health", "--console", "http://127.0.0.1:1", "--witness", "http://127.0.0.1:1"}},
		{exitUnarmed, []string{"health", "--console", "http://127.0.0.1:1"}},
		{exitUnarmed, []string{"health", "--console", "https://127.0.0.1:1"}},
		{exitLocalState, []string{"health", "--console", "https://127.0.0.1:1", "--tls-ca", filepath.Join(data, "none.pem")}},
		{exitUsage, []string{"health", "--console", "https://127.0.0.1:1", "--tls-ca", filepath.Join(data, "fabric.json")}},
		{exitUsage, []string{"part", "enforcer", "e1"}},
		{exitUsage, []string{"part", "agent", "scout", "--health", socket}},
		{exitUsage, []string{"part", "governor", "g1", "--health", socket}},
		{exitUnarmed, []string{"health", "--broker", "http://127.0.0.1:1"}},
		{exitUnarmed, []string{"health", "--broker", "http://example.com"}},
		{exitUnarmed, []string{"health", "--witness", "http://127.0.0.1:1"}},
		{exitLocalState, []string{"part", "enforcer", "e1", "--health", filepath.Join(socket, "no", "where", "s")}},
		{exitLocalState, []string{"part", "enforcer", "e1", "--health", ""}},
	} {
		if out, stderr, exit := cli(t, append([]string{"--data", data}, test.arguments...)...); exit != test.exit || stderr == "" {
			t.Errorf("%s: exit %d, not %d: %s%s", strings.Join(test.arguments, " "), exit, test.exit, out, stderr)
		}
	}
}
