package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuthZENListens: who can be reached from elsewhere authenticates clients, and
// protects what they say.
func TestAuthZENListens(t *testing.T) {
	dir := t.TempDir()
	token, open, short := filepath.Join(dir, "token"), filepath.Join(dir, "open"), filepath.Join(dir, "empty")
	must(t, os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600))
	must(t, os.WriteFile(open, []byte("0123456789abcdef\n"), 0o600))
	must(t, os.Chmod(open, 0o644))
	must(t, os.WriteFile(short, []byte("\n"), 0o600))
	for name, tt := range map[string]struct {
		access authzenAccess
		says   string // "" if it is right
	}{
		"this machine":            {authzenAccess{listen: "127.0.0.1:0"}, ""},
		"this machine by name":    {authzenAccess{listen: "localhost:0"}, ""},
		"by IPv6":                 {authzenAccess{listen: "[::1]:0"}, ""},
		"with a token":            {authzenAccess{listen: "127.0.0.1:0", token: token}, ""},
		"everywhere":              {authzenAccess{listen: ":4296"}, "can be reached from elsewhere"},
		"everywhere, in words":    {authzenAccess{listen: "0.0.0.0:4296"}, "can be reached from elsewhere"},
		"a name of who knows":     {authzenAccess{listen: "pdp.example.com:4296"}, "can be reached from elsewhere"},
		"a token in the clear":    {authzenAccess{listen: "0.0.0.0:4296", token: token}, "can be reached from elsewhere"},
		"a token that all read":   {authzenAccess{listen: "127.0.0.1:0", token: open}, "chmod 600"},
		"no token in the file":    {authzenAccess{listen: "127.0.0.1:0", token: short}, "is empty"},
		"no file":                 {authzenAccess{listen: "127.0.0.1:0", token: filepath.Join(dir, "none")}, "no such file"},
		"clients without TLS":     {authzenAccess{listen: "127.0.0.1:0", tlsFiles: tlsFiles{clientCA: token}}, "needs --tls-cert"},
		"a certificate not there": {authzenAccess{listen: "127.0.0.1:0", tlsFiles: tlsFiles{cert: filepath.Join(dir, "none"), key: token}}, "no such file"},
		"a certificate of words":  {authzenAccess{listen: "127.0.0.1:0", tlsFiles: tlsFiles{cert: token, key: token}}, "--tls-cert and --tls-key"},
	} {
		_, err := tt.access.read()
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}

func TestAuthZENMapping(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init"); exit != exitDone {
		t.Fatal(stderr)
	}
	out, stderr, exit := cli(t, "--data", data, "authzen", "mapping", "--resource", "konto=Account")
	if exit != exitDone || !strings.Contains(out, "agents by name: mallory, scout") || !strings.Contains(out, `type "konto"`) {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	out, _, _ = cli(t, "--data", data, "--json", "authzen", "mapping")
	var table struct{ Subjects, Actions, Resources []map[string]any }
	if err := json.Unmarshal([]byte(out), &table); err != nil || len(table.Subjects) != 1 || len(table.Actions) != 4 || len(table.Resources) != 3 {
		t.Errorf("%v: %s", err, out)
	}
	if _, stderr, exit := cli(t, "--data", data, "authzen", "mapping", "--subject", "agent=email"); exit != exitUsage || !strings.Contains(stderr, "agents by name") {
		t.Errorf("another meaning of agent: exit %d: %s", exit, stderr)
	}
}
