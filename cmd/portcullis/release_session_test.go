package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// releaseVarying is what differs from run to run in the words of release.
var releaseVarying = regexp.MustCompile(`("position":"?|"epoch":|position | at )[0-9.]+|()\b[0-9a-f]{8}\b`)

func (s *session) release(dir string) string {
	return releaseVarying.ReplaceAllString(strings.ReplaceAll(s.normal(), dir, "DIR"), "${1}${2}…")
}

// TestReleaseSession is how two governors put a release in force, the second one
// with a key that is kept elsewhere; testdata/release.txt tells it.
func TestReleaseSession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &session{t: t, data: filepath.Join(dir, "data")}
	plan, key := filepath.Join(dir, "next.plan"), filepath.Join(dir, "g2.pem")
	transfer := func(amount string) {
		t.Helper()
		if _, stderr, exit := cli(t, "--data", s.data, "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "amount="+amount, "--arg", "currency=EUR"); exit != exitDone && exit != exitRefused {
			t.Fatal(stderr)
		}
	}
	if _, stderr, exit := cli(t, "--data", s.data, "init", "--governors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	must(t, os.Rename(filepath.Join(s.data, "governors", "g2", "signing.pem"), key))
	s.note("Two governors must sign. The key of g2 is not in the data folder. Nothing runs.")
	s.run("release", "lint")
	s.run("release", "plan", "--out", plan)
	s.run("release", "publish")
	serve(t, s.data, "up")
	s.note("Everything runs. Scout was allowed a transfer of 250 and denied one of 1500.")
	transfer("250")
	transfer("1500")
	s.run("release", "show")
	s.run("release", "plan", "--out", plan)
	s.note("Staff is to transfer up to 2000. The tests notice first.")
	replaceIn(t, filepath.Join(s.data, "release", "policies", "money.cedar"), "amount <= 1000", "amount <= 2000")
	s.run("release", "plan", "--out", plan)
	replaceIn(t, filepath.Join(s.data, "release", "tests", "money.yaml"), "amount: 1001", "amount: 2001")
	s.run("release", "diff")
	s.run("release", "plan", "--out", plan)
	s.run("release", "plan", "--out", plan, "--accept-widening")
	s.run("release", "plan", "--out", plan, "--accept-widening")
	s.note("The plan goes from one governor to the next.")
	s.run("release", "publish", plan)
	s.run("release", "sign", plan)
	s.run("release", "publish", plan)
	s.run("--json", "release", "sign", plan, "--key", key)
	s.run("release", "sign", plan, "--key", key)
	s.run("release", "publish", plan, "--wait", "0")
	s.run("--json", "release", "publish", plan, "--wait", "0")
	s.run("release", "show")
	s.run("--json", "release", "show", "--version", "1")
	s.run("release", "show", "--version", "7")
	s.note("Now the limits are to be narrower than what was done.")
	replaceIn(t, filepath.Join(s.data, "release", "limits.yaml"), "max: 5000", "max: 200")
	s.run("--json", "release", "diff", "--examples", "1")
	s.run("release", "diff", "--since", "1ns")
	golden(t, "release.txt", s.release(dir))
}

// TestReleaseAdopted: whoever runs is told of by name, whoever does not is named
// at the end.
func TestReleaseAdopted(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--executors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	serve(t, data, "server")
	serve(t, data, "recorder", "r1")
	serve(t, data, "sentinel", "s1")
	serve(t, data, "enforcer", "e1")
	serve(t, data, "executor", "x1") // not x2
	replaceIn(t, filepath.Join(data, "release", "release.yaml"), "a small story", "a long story")
	out, stderr, exit := cli(t, "--json", "--data", data, "release", "publish", "--wait", "3s")
	if exit != exitDone {
		t.Fatal(stderr)
	}
	type line struct {
		Event, Name, Role string
		Release           uint64
		Position          uint64
		AfterMS           *int64 `json:"after_ms"`
		Silent            []string
	}
	adopted := map[string]line{}
	var published, end line
	for text := range bytes.Lines([]byte(out)) {
		var l line
		must(t, json.Unmarshal(text, &l))
		switch l.Event {
		case "published":
			published = l
		case "adopted":
			adopted[l.Name] = l
		case "adoption":
			end = l
		}
	}
	for name, role := range map[string]string{"e1": "enforcer", "x1": "executor"} {
		if l := adopted[name]; l.Role != role || l.Position < published.Position || l.AfterMS == nil || *l.AfterMS < 0 {
			t.Errorf("%s: %+v, published at %d", name, l, published.Position)
		}
	}
	if published.Release != 2 || end.Release != 2 || len(adopted)+len(end.Silent) != 4 || !slices.Contains(end.Silent, "x2") {
		t.Errorf("adopted %v, published %+v, silent %q", adopted, published, end.Silent)
	}
}
