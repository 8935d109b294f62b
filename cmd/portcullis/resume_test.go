package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestResumeSession is how two governors lift a halt, the second one with a key
// that is kept elsewhere; testdata/resume.txt tells it.
func TestResumeSession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &session{t: t, data: filepath.Join(dir, "data")}
	key, file := filepath.Join(dir, "g2.pem"), filepath.Join(dir, "lift.json")
	if _, stderr, exit := cli(t, "--data", s.data, "init", "--governors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	must(t, os.Rename(filepath.Join(s.data, "governors", "g2", "signing.pem"), key))
	up := serve(t, s.data, "up")
	read := []string{"--json", "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"}
	s.note("One governor halts. Two must resume; the key of g2 is not in the data folder.")
	s.run("halt", "--reason", "the bank called", "--scope", "tool:file-read")
	s.run("halt", "--reason", "scout is odd", "--scope", "session:scout#s1")
	s.run(read...)
	s.run("resume", "--all", "--preview")
	s.run("--json", "resume", "--all", "--preview")
	s.run("resume", "--all")
	s.run("resume", "--all", "--reason", "it was a drill", "--out", file)
	s.run("resume", "--all", "--reason", "it was a drill", "--out", file)
	s.run("resume", "--submit", file)
	s.note("On another machine, without a ledger.")
	must(t, up.Stop(killLoopPatience))
	s.run("resume", "--sign", file)
	s.run("resume", "--sign", file, "--key", key)
	s.run("resume", "--sign", file, "--key", key)
	s.run("resume", "--submit", file)
	serve(t, s.data, "up")
	s.note("The ledger is back.")
	s.run("resume", "--submit", file)
	s.run(read...)
	s.run("resume", "--submit", file)
	s.run("resume", "--all", "--reason", "again")
	golden(t, "resume.txt", strings.ReplaceAll(s.steady(), dir, "DIR"))
}

// halfSigned is a resume of one halt that one of two governors has signed.
func halfSigned(t *testing.T) (data, path string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--governors", "2"); exit != exitDone {
		t.Fatal(stderr)
	}
	f, err := fabric.Open(data)
	must(t, err)
	scope, err := governance.ParseScope("global", f.TrustDomain, f.Zone)
	must(t, err)
	halt, err := f.SignGovernance(zone.HaltRecord(scope, "fire"), "g1")
	must(t, err)
	env, err := trust.ParseEnvelope(halt)
	must(t, err)
	resume, err := f.SignGovernance(zone.ResumeRecord([]trust.Digest{trust.DigestOf(env.Payload)}, "over"), "g1")
	must(t, err)
	text, err := newResumeFile(resume, [][]byte{env.Payload}).bytes()
	must(t, err)
	path = filepath.Join(t.TempDir(), "lift.json")
	must(t, os.WriteFile(path, text, 0o600))
	return data, path
}

// TestResumeSignRefuses: nobody signs what he is not shown, what was altered, or
// what is not his to sign; and the file stays as it is.
func TestResumeSignRefuses(t *testing.T) {
	data, path := halfSigned(t)
	good, err := readResume(path)
	must(t, err)
	original, err := os.ReadFile(path)
	must(t, err)
	otherData, otherPath := halfSigned(t)
	other, err := readResume(otherPath)
	must(t, err)
	stranger, err := trust.GenerateKey()
	must(t, err)
	strangers := filepath.Join(t.TempDir(), "stranger.pem")
	must(t, writeKey(strangers, stranger))
	exposed := filepath.Join(t.TempDir(), "exposed.pem")
	must(t, writeKey(exposed, stranger))
	must(t, os.Chmod(exposed, 0o644))
	flipped := append([]byte(nil), good.envelope...)
	flipped[len(flipped)-1] ^= 1 // in the signature
	byStranger, err := trust.AddSignature(good.envelope, stranger)
	must(t, err)
	file := func(envelope []byte, payloads ...[]byte) []byte {
		text, err := newResumeFile(envelope, payloads).bytes()
		must(t, err)
		return text
	}
	for name, test := range map[string]struct {
		text      []byte
		data      string
		arguments []string
		exit      int
		says      string
	}{
		"not a file of this kind": {[]byte("{}"), data, nil, exitError, "give the file that portcullis resume wrote"},
		"more in it":              {append(append([]byte(nil), original...), '{', '}'), data, nil, exitError, "give the file that portcullis resume wrote"},
		"no halts shown":          {file(good.envelope), data, nil, exitError, "it lifts 1 halts and shows 0"},
		"another halt shown":      {file(good.envelope, other.payloads[0]), data, nil, exitError, "does not lift it"},
		"a resume shown as halt":  {file(good.envelope, good.signed.Payload), data, nil, exitError, "no halt and no trip"},
		"a halt as the resume":    {file(good.payloads[0], good.payloads[0]), data, nil, exitError, "get it again"},
		"altered":                 {file(flipped, good.payloads[0]), data, nil, exitError, "does not fit"},
		"a stranger signed":       {file(byStranger, good.payloads[0]), data, nil, exitError, "no governor's"},
		"of another ledger":       {original, otherData, nil, exitError, "use the data folder of that ledger"},
		"a stranger's key":        {original, data, []string{"--key", strangers}, exitError, "is no governor's by release 1"},
		"an exposed key":          {original, data, []string{"--key", exposed}, exitLocalState, "chmod 600"},
		"no key":                  {original, data, []string{"--key", path}, exitLocalState, "no plain PEM block"},
	} {
		t.Run(name, func(t *testing.T) {
			here := filepath.Join(t.TempDir(), "lift.json")
			must(t, os.WriteFile(here, test.text, 0o600))
			out, stderr, exit := cli(t, append([]string{"--data", test.data, "resume", "--sign", here}, test.arguments...)...)
			if exit != test.exit || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d: %s%s; want exit %d, %q", exit, out, stderr, test.exit, test.says)
			}
			if now, err := os.ReadFile(here); err != nil || string(now) != string(test.text) {
				t.Errorf("the file was changed, or is gone: %v", err)
			}
		})
	}
	if _, stderr, exit := cli(t, "--data", data, "resume", "--sign", filepath.Join(data, "nothing.json")); exit != exitLocalState {
		t.Errorf("no file: exit %d: %s", exit, stderr)
	}
	if out, stderr, exit := cli(t, "--data", data, "resume", "--sign", path); exit != exitDone || !strings.Contains(out, "2 of 2 that must: g1, g2") {
		t.Errorf("the right one: exit %d: %s%s", exit, out, stderr)
	}
}

// TestResumeUsage: flags that contradict each other do nothing.
func TestResumeUsage(t *testing.T) {
	data := newZone(t)
	for _, arguments := range [][]string{
		{"abcd", "--all", "--reason", "x"},
		{"abcd", "--local", "--reason", "x"},
		{"--sign", "a", "--submit", "b"},
		{"--all", "--local", "--reason", "x"},
		{"--key", "k", "--all", "--reason", "x"},
		{"--local"},
		{"--all", "--reason", "x", "--wait", "-1s"},
	} {
		if out, stderr, exit := cli(t, append([]string{"--data", data, "resume"}, arguments...)...); exit != exitUsage {
			t.Errorf("%q: exit %d: %s%s", arguments, exit, out, stderr)
		}
	}
}
