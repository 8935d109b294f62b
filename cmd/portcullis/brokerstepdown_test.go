package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestStepDownRefuses: what cannot be handed over is said, before anybody is asked.
func TestStepDownRefuses(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init"); exit != exitDone {
		t.Fatal(stderr)
	}
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"--stream", "river"}, exitUsage, "river"},
		{nil, exitError, "one server"},
		{[]string{"home-1"}, exitUsage, ""},
	} {
		_, stderr, exit := cli(t, append([]string{"--data", data, "broker", "stepdown"}, c.args...)...)
		if exit != c.exit || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit %d, want %d: %s", c.args, exit, c.exit, stderr)
		}
	}
}

// TestLeadersStepDown: on three servers the command tells of each stream who leads it
// now; the server that is named leads none.
func TestLeadersStepDown(t *testing.T) {
	t.Parallel()
	data := newCluster(t)
	down := func(args ...string) (all []map[string]string) {
		t.Helper()
		stdout, stderr, exit := cli(t, append([]string{"--data", data, "--json", "broker", "stepdown"}, args...)...)
		if exit != exitDone {
			t.Fatalf("exit %d: %s", exit, stderr)
		}
		for line := range strings.Lines(stdout) {
			var one map[string]string
			must(t, json.Unmarshal([]byte(line), &one))
			all = append(all, one)
		}
		return all
	}
	all := down()
	if len(all) != 3 {
		t.Fatalf("told of %v, want three streams", all)
	}
	for i, name := range []string{"ledger", "heartbeats", "checkpoints"} {
		if one := all[i]; one["stream"] != name || one["from"] == one["to"] || one["to"] == "" {
			t.Errorf("%s: %v", name, one)
		}
	}
	leader := all[0]["to"]
	for _, one := range down("--leader", leader) {
		if one["to"] == leader {
			t.Errorf("%s still leads: %v", leader, one)
		}
	}
	again := down("--leader", leader, "--stream", "ledger")
	if len(again) != 1 || again[0]["from"] != again[0]["to"] {
		t.Errorf("a server that leads nothing was asked: %v", again)
	}
}

// newCluster runs three servers for a data folder, which it returns.
func newCluster(t *testing.T) (data string) {
	t.Helper()
	dir := t.TempDir()
	data = filepath.Join(dir, "data")
	ports := freePorts(t, 6)
	var servers, routes []string
	for i := range 3 {
		servers = append(servers, fmt.Sprintf("nats://127.0.0.1:%s", ports[i]))
		routes = append(routes, fmt.Sprintf("127.0.0.1:%s", ports[3+i]))
	}
	do := func(args ...string) {
		t.Helper()
		if _, stderr, exit := cli(t, append([]string{"--data", data}, args...)...); exit != exitDone {
			t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), exit, stderr)
		}
	}
	do("init", "--servers", strings.Join(servers, ","), "--replicas", "3")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for i := range 3 {
		conf := filepath.Join(dir, fmt.Sprintf("%d.conf", i+1))
		do("broker", "config", "--number", strconv.Itoa(i+1), "--routes", strings.Join(routes, ","), "--store", filepath.Join(dir, fmt.Sprintf("store-%d", i+1)), "--out", conf)
		running.Go(func() {
			var out, errs bytes.Buffer
			if exit := run(ctx, []string{"broker", "run", conf}, &out, &errs); exit != exitDone {
				t.Errorf("broker %d: exit %d: %s", i+1, exit, errs.String())
			}
		})
	}
	do("broker", "found", "--wait", "50s")
	return data
}

// freePorts differ from each other: none is given up before all are known.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	var held []net.Listener
	for range n {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		must(t, err)
		held, ports = append(held, listener), append(ports, port)
	}
	for _, listener := range held {
		must(t, listener.Close())
	}
	return ports
}
