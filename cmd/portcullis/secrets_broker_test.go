package main

import (
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestABrokersSecretsStayInTheirFiles: two servers of a cluster of three that log
// all they can find each other, refuse a third that shows another password and a
// client that speaks plaintext, read their configuration anew, and crash. What they
// wrote holds neither the password of the routes nor a key.
func TestABrokersSecretsStayInTheirFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, certs := filepath.Join(dir, "data"), filepath.Join(dir, "tls")
	var urls, routes []string
	for range 3 {
		urls, routes = append(urls, "tls://"+freeAddress(t)), append(routes, freeAddress(t))
	}
	var told bytes.Buffer
	say := func(arguments ...string) {
		t.Helper()
		out, stderr, exit := cli(t, append([]string{"--log-level", "debug", "--data", data}, arguments...)...)
		if exit != exitDone {
			t.Fatalf("%s: exit %d: %s", strings.Join(arguments, " "), exit, stderr)
		}
		told.WriteString(out + stderr)
	}
	say("broker", "tls", "--out", certs, "--host", "127.0.0.1", "--host", "127.0.0.1", "--host", "127.0.0.1")
	say("init", "--servers", strings.Join(urls, ","), "--tls-ca", filepath.Join(certs, "ca.pem"))
	configs := make([]string, len(urls))
	for i := range configs {
		number := string(rune('1' + i))
		configs[i] = filepath.Join(dir, number+".conf")
		say("broker", "config", "--number", number, "--tls", certs, "--routes", strings.Join(routes, ","), "--out", configs[i], "--store", filepath.Join(dir, "store-"+number))
	}
	secrets := secretsOf(t, data)
	for path := range secretsOf(t, certs).files {
		parts, err := privateParts(path)
		must(t, err)
		for _, part := range parts {
			secrets.add(path, part)
		}
	}
	password := strings.TrimSpace(string(readFile(t, filepath.Join(data, "operator", "routes.secret"))))
	raw, err := hex.DecodeString(password)
	must(t, err)
	secrets.add("routes.secret", raw)
	if !bytes.Contains(readFile(t, configs[0]), []byte(password)) {
		t.Fatal("the configuration does not hold the password: it was looked for in the wrong place")
	}

	stranger := bytes.ReplaceAll(readFile(t, configs[2]), []byte(password), []byte(strings.Repeat("ab", len(raw))))
	must(t, os.WriteFile(configs[2], stranger, 0o600))
	var servers []*overheard
	for _, conf := range configs {
		servers = append(servers, overhear(t, data, "broker", "run", conf))
	}
	for _, s := range servers {
		s.says(t, `"event":"ready"`)
	}
	servers[2].says(t, "Authorization", "authorization", "authentication")
	conn, err := net.Dial("tcp", strings.TrimPrefix(urls[0], "tls://")) //nolint:noctx // this machine
	must(t, err)
	_, err = conn.Write([]byte("CONNECT {\"user\":\"portcullis\",\"pass\":\"portcullis\"}\r\n"))
	must(t, err)
	must(t, conn.Close())
	must(t, servers[0].cmd.Process.Signal(syscall.SIGHUP))
	servers[0].says(t, "in force", "reload", "Reload")
	for _, s := range servers {
		s.crash(t)
		secrets.absent(t, s.name, []byte(s.String()))
	}
	secrets.absent(t, "the commands", told.Bytes())
}
