package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"

	"github.com/portcullis-dev/portcullis/core/governance"
)

// TestGovernSession halts, resumes and publishes on a running zone;
// testdata/govern.txt reads as a governor's day.
func TestGovernSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	transfer := func(amount string) []string {
		return []string{"--json", "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "amount=" + amount, "--arg", "currency=EUR"}
	}
	_, stderr, exit := cli(t, "--data", s.data, "init", "--port", freePort(t), "--bank", freeAddress(t))
	if exit != exitDone {
		t.Fatal(stderr)
	}
	s.note("Nothing runs.")
	s.run("halt", "--reason", "drill")
	serve(t, s.data, "up")
	s.note("A halt says its scope and why.")
	s.run("halt")
	s.run("halt", "--reason", "drill", "--scope", "planet")
	s.run("resume")
	s.run("halt", "--reason", "the bank called", "--scope", "tool:transfer")
	s.run(transfer("250")...)
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	s.run("--json", "halt", "--reason", "drill", "--scope", "session:scout#s1")
	s.run("--json", "resume")
	s.run("resume", "--all")
	s.run("resume", "beef", "--reason", "over")
	s.run("resume", "--all", "--reason", "the bank called again")
	s.run(transfer("250")...)
	s.note("A release that its own tests find fault with is not published.")
	s.run("release", "publish", "--wait", "0")
	replaceIn(t, filepath.Join(s.data, "release", "policies", "money.cedar"), "amount <= 1000", "amount <= 2000")
	s.run("release", "publish", "--wait", "0")
	replaceIn(t, filepath.Join(s.data, "release", "tests", "money.yaml"), "amount: 1001", "amount: 2001")
	s.run("release", "publish", "--wait", "0")
	s.run(transfer("1500")...)
	golden(t, "govern.txt", s.steady())
}

// steady is normal, with positions, durations and short ids left out as well.
func (s *session) steady() string {
	text := s.normal()
	for _, r := range []struct{ pattern, word string }{
		{`\b[0-9a-f]{8}\b`, "ID"},
		{`"position":"\d+\.\d+"`, `"position":"AT"`},
		{`\b\d+ records?\b`, "N records"},
		{`\d+ not covered`, "N not covered"},
		{`"(position|behind|epoch|running|size|uncovered|kept)":\d+`, `"$1":N`},
		{`("[a-z_]*_ms":)-?[0-9.]+`, `${1}N`},
		{`(position|folded to|claim|at|epoch) \d+(\.0)?\b`, "${1} N"},
		{` \(\d+ behind\)`, ""},
		{`-?\b[0-9.]+ m?s\b|\b[0-9]+m[0-9]+s\b|\b[0-9]+\.[0-9]+s\b`, "T"},
		{`(before|after) the (halt|drill)`, "… the $2"},
		{`brake-\d{8}T\d{6}Z-[0-9a-f]{12}`, "brake-…"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.word)
	}
	return text
}

func replaceIn(t *testing.T, path, old, with string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, with)), 0o600))
}

func TestBrokerConfig(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init"); exit != exitDone {
		t.Fatal(stderr)
	}
	text, stderr, exit := cli(t, "--data", data, "broker", "config", "--listen", "127.0.0.1:4999", "--store", "/var/lib/portcullis")
	if exit != exitDone || !strings.Contains(text, "port: 4999") || !strings.Contains(text, `"/var/lib/portcullis"`) || !strings.Contains(text, "home_scout") {
		t.Fatalf("exit %d, %s\n%s", exit, stderr, text)
	}
	for _, listen := range []string{"4999", "127.0.0.1:nats"} {
		if _, stderr, exit := cli(t, "--data", data, "broker", "config", "--listen", listen); exit != exitUsage {
			t.Errorf("--listen %s: exit %d, %s", listen, exit, stderr)
		}
	}
	if _, stderr, exit := cli(t, "--data", data, "--server", "nats://127.0.0.1:1", "broker", "found"); exit != exitUnreachable {
		t.Errorf("founding where nobody listens: exit %d, %s", exit, stderr)
	}
}

// TestScopesAreReadAsTheyAreSpelt is here because people type them here.
func TestScopesAreReadAsTheyAreSpelt(t *testing.T) {
	for text, spelt := range map[string]string{
		"global": "global", "zone": "zone:home", "tool:transfer": "tool:transfer",
		"agent:scout":      "agent:spiffe://example.test/home/agent/scout",
		"session:scout#s1": "session:spiffe://example.test/home/agent/scout#s1",
	} {
		scope, err := governance.ParseScope(text, "example.test", "home")
		if err != nil || governance.ScopeString(scope) != spelt || scope.GetKind() == pb.ScopeKind_SCOPE_KIND_UNSPECIFIED {
			t.Errorf("%s: %v, %v", text, scope, err)
		}
	}
	for _, text := range []string{"", "globe", "global:x", "zone:other", "tool:", "tool:A b", "agent:", "session:scout", "session:#s1", "session:scout#"} {
		if scope, err := governance.ParseScope(text, "example.test", "home"); err == nil {
			t.Errorf("%q is accepted as %v", text, scope)
		}
	}
}
