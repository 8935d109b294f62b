package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAClusterIsConfigured: from nothing to the configurations of three servers.
func TestAClusterIsConfigured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, certs := filepath.Join(dir, "data"), filepath.Join(dir, "tls")
	run := func(want int, args ...string) string {
		t.Helper()
		stdout, stderr, exit := cli(t, append([]string{"--data", data}, args...)...)
		if exit != want {
			t.Fatalf("%s: exit %d, want %d: %s", strings.Join(args, " "), exit, want, stderr)
		}
		return stdout + stderr
	}
	const servers = "tls://h1:4222,tls://h2:4222,tls://h3:4222"
	run(exitDone, "broker", "tls", "--out", certs, "--host", "h1", "--host", "h2", "--host", "h3")
	run(exitUsage, "init", "--servers", servers, "--replicas", "2")
	run(exitUsage, "init", "--replicas", "3")
	run(exitUsage, "init", "--servers", servers, "--port", "4222")
	run(exitUsage, "init", "--servers", servers, "--tls-ca", filepath.Join(certs, "server-1.key"))
	run(exitLocalState, "init", "--servers", servers, "--tls-ca", filepath.Join(certs, "none.pem"))
	run(exitDone, "init", "--servers", servers, "--tls-ca", filepath.Join(certs, "ca.pem"))
	run(exitDone, "init", "--servers", servers, "--tls-ca", filepath.Join(certs, "ca.pem")) // changes nothing
	run(exitLocalState, "init", "--servers", "tls://h9:4222")

	var accounts string
	for i, number := range []string{"1", "2", "3"} {
		conf := filepath.Join(dir, number+".conf")
		said := run(exitDone, "broker", "config", "--number", number, "--tls", certs, "--out", conf)
		if strings.Contains(said, "password") {
			t.Errorf("with --out it still prints: %s", said)
		}
		info, err := os.Stat(conf)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		data, err := os.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		text, rest, _ := strings.Cut(string(data), "accounts {")
		if accounts == "" {
			accounts = rest
		}
		if rest != accounts {
			t.Errorf("server %s has other accounts than server 1", number)
		}
		for _, line := range []string{`server_name: "home-` + number + `"`, `host: "h` + number + `"`, "port: 4222", "port: 6222", "sync_interval: always", "server-" + number + ".pem"} {
			if !strings.Contains(text, line) {
				t.Errorf("server %s lacks %q", number, line)
			}
		}
		for j, other := range []string{"h1", "h2", "h3"} {
			if strings.Contains(text, "@"+other+":6222") == (i == j) {
				t.Errorf("routes of server %s to %s are wrong", number, other)
			}
		}
	}
	run(exitError, "broker", "config", "--tls", certs)
	run(exitError, "broker", "config", "--number", "4", "--tls", certs)
	run(exitError, "broker", "config", "--number", "1")
	run(exitError, "broker", "config", "--number", "1", "--tls", certs, "--routes", "h1:1,h2:1")
	run(exitUsage, "broker", "config", "--number", "1", "--tls", certs, "--route-listen", "6222")
	if said := run(exitError, "server"); !strings.Contains(said, "portcullis broker run") {
		t.Errorf("an embedded server of a cluster's folder says %s", said)
	}
	conf := filepath.Join(dir, "1.conf")
	if err := os.Chmod(conf, 0o644); err != nil {
		t.Fatal(err)
	}
	run(exitLocalState, "broker", "run", conf)
	run(exitUsage, "broker", "tls", "--out", certs)
	run(exitUsage, "broker", "run", conf, "--agent-messages", "0")
	run(exitUsage, "server", "--agent-intents", "-1")
	run(exitUsage, "up", "--agent-bytes", "0")
	if said := run(exitUsage, "up", "--agent-bytes", "1000"); !strings.Contains(said, "portcullis broker run") {
		t.Errorf("limits of a broker elsewhere: %s", said)
	}
}
