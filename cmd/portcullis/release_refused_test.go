package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
)

// refused runs a command that must fail with a code and say, in what it prints,
// what is wrong and how to mend it; the mend is on a line of its own.
func refused(t *testing.T, name string, exit int, what, mend string, arguments ...string) {
	t.Helper()
	_, stderr, got := cli(t, arguments...)
	said, advised, _ := strings.Cut(stderr, "\n  mend: ")
	if got != exit || !strings.Contains(said, what) || !strings.Contains(advised, mend) {
		t.Errorf("%s: exit %d, want %d with %q and %q:\n%s", name, got, exit, what, mend, stderr)
	}
}

// signable is a data folder with two governors and a plan of release 2 beside it.
func signable(t *testing.T, clock func() time.Time) (data, plan string, f *fabric.Fabric) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--governors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	f, err := fabric.Open(data)
	must(t, err)
	f.Clock = clock
	return data, writePlan(t, f, "next.plan"), f
}

var noteLine = regexp.MustCompile(`(?m)^note: .*$`)

// writePlan plans what is in force again, with another note.
func writePlan(t *testing.T, f *fabric.Fabric, name string) string {
	t.Helper()
	yaml := filepath.Join(f.ReleaseDir(), "release.yaml")
	text, err := os.ReadFile(yaml)
	must(t, err)
	must(t, os.WriteFile(yaml, noteLine.ReplaceAll(text, []byte("note: "+name)), 0o600))
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	must(t, err)
	current, err := f.Release()
	must(t, err)
	plan, err := f.Plan(source, current)
	must(t, err)
	path := filepath.Join(filepath.Dir(f.Dir), name)
	must(t, plan.Write(path, false))
	return path
}

func TestReleaseSignRefuses(t *testing.T) {
	data, plan, _ := signable(t, time.Now)
	_, foreign, _ := signable(t, time.Now)
	dir := filepath.Dir(data)
	before, err := os.ReadFile(plan)
	must(t, err)
	write := func(name string, data []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, data, 0o600))
		must(t, os.Chmod(path, mode))
		return path
	}
	g1, err := os.ReadFile(filepath.Join(data, "governors", "g1", "signing.pem"))
	must(t, err)
	e1, err := os.ReadFile(filepath.Join(data, "participants", "enforcer", "e1", "signing.pem"))
	must(t, err)
	for name, tt := range map[string]struct {
		exit       int
		what, mend string
		arguments  []string
	}{
		"no file":                {exitUsage, "accepts 1 arg", "portcullis help", nil},
		"a file that is missing": {exitLocalState, "no such file", "", []string{filepath.Join(dir, "none.plan")}},
		"no plan":                {exitError, "not a plan", "give the file that portcullis release plan wrote", []string{write("text.plan", []byte("release: 2\n"), 0o600)}},
		"half a plan":            {exitError, "not a plan", "give the file that portcullis release plan wrote", []string{write("half.plan", before[:len(before)/2], 0o600)}},
		"another ledger's":       {exitError, "for this ledger", "use the data folder that it was planned in", []string{foreign}},
		"no such governor":       {exitError, `no governor "g3"`, "portcullis keys", []string{plan, "--governor", "g3"}},
		"the same one twice":     {exitUsage, "g1 is named twice", "", []string{plan, "--governor", "g1", "--governor", "g1"}},
		"twice, by name and key": {exitUsage, "g1 is named twice", "", []string{plan, "--governor", "g1", "--key", write("g1.pem", g1, 0o600)}},
		"no governor's key":      {exitError, "is no governor's of release 1", "sign with a governor's key", []string{plan, "--key", write("e1.pem", e1, 0o600)}},
		"not PEM":                {exitLocalState, "no plain PEM block", "portcullis keys new", []string{plan, "--key", write("text.pem", []byte("x"), 0o600)}},
		"an ECDSA key":           {exitLocalState, "*ecdsa.PrivateKey", "a signing key is Ed25519", []string{plan, "--key", filepath.Join(data, "issuer", "ca.key")}},
		"an exposed key":         {exitLocalState, "has mode 0644", "chmod 600", []string{plan, "--key", write("open.pem", g1, 0o644)}},
		"a folder":               {exitLocalState, "is a folder", "name the key's file in it", []string{plan, "--key", filepath.Join(data, "governors", "g1")}},
	} {
		refused(t, name, tt.exit, tt.what, tt.mend, append([]string{"--data", data, "release", "sign"}, tt.arguments...)...)
	}
	if after, err := os.ReadFile(plan); err != nil || string(after) != string(before) {
		t.Errorf("what was refused changed the plan: %v", err)
	}
}

// TestReleaseSignRefusesAltered changes what g1 signed, and asks g2.
func TestReleaseSignRefusesAltered(t *testing.T) {
	data, plan, _ := signable(t, time.Now)
	if _, stderr, exit := cli(t, "--data", data, "release", "sign", plan, "--governor", "g1"); exit != exitDone {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile(plan)
	must(t, err)
	altered := strings.Replace(string(text), "up to 1000", "up to 9000", 1)
	if altered == string(text) {
		t.Fatal("the plan does not hold what is to be altered")
	}
	must(t, os.WriteFile(plan, []byte(altered), 0o600))
	refused(t, "altered", exitError, "the signature of g1 does not fit it, so it was altered", "get it again from who planned it", "--data", data, "release", "sign", plan, "--governor", "g2")
}

// TestReleaseSignClocks: a plan from a machine whose clock is a minute and more
// ahead, and one that has expired.
func TestReleaseSignClocks(t *testing.T) {
	for _, tt := range []struct {
		off        time.Duration
		what, mend string
	}{
		{3 * time.Minute, "earlier: the clock of the machine that planned it is ahead", "set the clocks right and plan again"},
		{-8761 * time.Hour, "has expired: it holds until", "plan again"},
	} {
		data, plan, _ := signable(t, func() time.Time { return time.Now().Add(tt.off) })
		refused(t, tt.off.String(), exitError, tt.what, tt.mend, "--data", data, "release", "sign", plan)
	}
}

func TestReleaseFoldersRefused(t *testing.T) {
	data, _, _ := signable(t, time.Now)
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "source"), os.DirFS(filepath.Join(data, "release"))))
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for name, tt := range map[string]struct {
		release string
		exit    int
		what    string
	}{
		"missing":      {filepath.Join(dir, "none"), exitLocalState, "none"},
		"a file":       {filepath.Join(dir, "file"), exitLocalState, "file"},
		"not a source": {dir, exitLocalState, "release.yaml"},
	} {
		for _, command := range []string{"lint", "test"} {
			if _, stderr, exit := cli(t, "--data", data, "release", command, "--release", tt.release); exit != tt.exit || !strings.Contains(stderr, tt.what) || !strings.Contains(stderr, "mend: ") {
				t.Errorf("%s %s: exit %d: %s", command, name, exit, stderr)
			}
		}
	}
	source := filepath.Join(dir, "source")
	if out, stderr, exit := cli(t, "release", "test", "--release", source, "--data", data); exit != exitDone || !strings.Contains(out, "0 failed") {
		t.Errorf("another folder's tests: exit %d, %s", exit, stderr)
	}
	replaceIn(t, filepath.Join(source, "tests", "files.yaml"), "name: staff reads under secret/", "name: renamed")
	replaceIn(t, filepath.Join(source, "policies", "money.cedar"), "@id(\"small-transfers\")", "@id(\"other\")")
	if out, _, exit := cli(t, "release", "lint", "--release", source, "--data", data); exit != exitDone || !strings.Contains(out, "nothing is wrong") {
		t.Errorf("lint: exit %d, %s", exit, out)
	}
}

// TestReleasePublishRefuses runs a ledger and offers it plans that would not take
// effect: nothing is appended.
func TestReleasePublishRefuses(t *testing.T) {
	data, plan, f := signable(t, time.Now)
	_, foreign, _ := signable(t, time.Now)
	serve(t, data, "server")
	publish := []string{"--data", data, "release", "publish", "--wait", "0"}
	position := ledgerEnd(t, data)
	refused(t, "unsigned", exitError, "0 signed release 2 and 2 must; not yet: g1, g2", "portcullis release sign", append(publish, plan)...)
	refused(t, "another ledger's", exitError, "for this ledger", "use the data folder", append(publish, foreign)...)
	refused(t, "FILE and source", exitUsage, "belong to a plan that is still to be made", "leave out FILE", append(publish, plan, "--accept-widening")...)
	refused(t, "negative", exitUsage, "cannot be negative", "", append(publish, "--wait", "-1s")...)
	f.Clock = func() time.Time { return time.Now().Add(3 * time.Minute) }
	early := writePlan(t, f, "early.plan")
	signAll(t, f, early)
	refused(t, "a clock ahead", exitError, "the ledger says", "set the clocks right and plan again", append(publish, early)...)
	f.Clock = func() time.Time { return time.Now().Add(-8761 * time.Hour) }
	late := writePlan(t, f, "late.plan")
	signAll(t, f, late)
	refused(t, "expired", exitError, "has expired", "plan again", append(publish, late)...)
	if end := ledgerEnd(t, data); end != position {
		t.Errorf("what was refused was appended: the ledger ended at %s, and ends at %s", position, end)
	}
	f.Clock = time.Now
	second := writePlan(t, f, "second.plan")
	signAll(t, f, plan)
	signAll(t, f, second)
	if out, stderr, exit := cli(t, append(publish, plan)...); exit != exitDone || !strings.Contains(out, "release 2: on the ledger, at position") {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	refused(t, "overtaken", exitError, "the plan of release 2 was overtaken: release 2", "plan again", append(publish, second)...)
	if out, stderr, exit := cli(t, append(publish, plan)...); exit != exitDone || !strings.Contains(out, "on the ledger already") {
		t.Errorf("again: exit %d: %s%s", exit, out, stderr)
	}
	refused(t, "overtaken, to sign", exitError, "overtaken", "plan again", "--data", data, "release", "sign", second)
	position = ledgerEnd(t, data)
	replaceIn(t, filepath.Join(data, "release", "policies", "money.cedar"), "amount <=", "amuont <=")
	for _, command := range [][]string{{"plan"}, {"publish"}} {
		refused(t, "a source that does not lint", exitError, "release/ does not lint: policies/money.cedar:1:1", "see portcullis release lint", append([]string{"--data", data, "release"}, command...)...)
	}
	must(t, os.WriteFile(filepath.Join(data, "release", "limits.yaml"), []byte("limits: 7\n"), 0o600))
	refused(t, "a source that cannot be read", exitError, "limits.yaml:1:9: error: a list is wanted here", "", "--data", data, "release", "plan")
	if end := ledgerEnd(t, data); end != position {
		t.Errorf("a faulty source was published: the ledger ends at %s", end)
	}
}

// ledgerEnd is the position of the newest governance record.
func ledgerEnd(t *testing.T, data string) string {
	t.Helper()
	out, stderr, exit := cli(t, "--data", data, "tail", "--from", "1", "--follow=false", "--kind", "governance", "--kind", "noise")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if exit != exitDone {
		t.Fatal(stderr)
	}
	position, _, _ := strings.Cut(lines[len(lines)-1], " ")
	return position
}

// signAll signs as all governors would, whatever their clocks say.
func signAll(t *testing.T, f *fabric.Fabric, path string) {
	t.Helper()
	plan, err := fabric.ReadPlan(path)
	must(t, err)
	names, err := f.Governors()
	must(t, err)
	for _, name := range names {
		governor, err := f.Governor(name)
		must(t, err)
		_, err = plan.Sign(governor.Key)
		must(t, err)
	}
	must(t, plan.Write(path, true))
}
