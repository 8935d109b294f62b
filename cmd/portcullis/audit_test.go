package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coreaudit "github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
)

// TestExportAuditArchive takes a ledger out of a running zone, and checks it with
// nothing but the files.
func TestExportAuditArchive(t *testing.T) {
	flags := zoneToRead(t)
	data := flags[1]
	f, err := fabric.Open(data)
	must(t, err)
	anchor := f.Ledger.String()
	dir := t.TempDir()
	file, archives := filepath.Join(dir, "ledger.pcx"), filepath.Join(dir, "archives")
	ok := func(arguments ...string) string {
		t.Helper()
		stdout, stderr, exit := cli(t, arguments...)
		if exit != exitDone {
			t.Fatalf("%v: exit %d: %s%s", arguments, exit, stdout, stderr)
		}
		return stdout
	}
	with := func(arguments ...string) []string { return append(append([]string{}, flags...), arguments...) }
	if out := ok(with("export", "-o", file)...); !strings.Contains(out, "exported positions 1 to") || !strings.Contains(out, anchor) {
		t.Errorf("export: %s", out)
	}
	if out := ok("audit", file, "--anchor", anchor); !strings.HasPrefix(out, "clean") || !strings.Contains(out, "2 intents") {
		t.Errorf("audit: %s", out)
	}
	var report coreaudit.Report
	must(t, json.Unmarshal([]byte(ok("--json", "--data", data, "audit", file)), &report)) // the data folder's anchor
	if !report.Clean() || !report.Whole || report.Intents != 2 || report.Ledger != anchor {
		t.Errorf("%+v", report)
	}
	if out := ok("audit", file, "--anchor", anchor, "--quiet"); out != "" {
		t.Errorf("quiet: %s", out)
	}
	if out := ok("audit", file, "--anchor", anchor, "--format", "ocsf"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"class_uid":2003`) {
		t.Errorf("ocsf: %s", out)
	}
	if out := ok(with("archive", "--to", archives, "--segment", "5")...); strings.Count(out, "added segments/") < 3 {
		t.Errorf("archive: %s", out)
	}
	var archived struct{ Added []evidence.ArchivedSegment }
	must(t, json.Unmarshal([]byte(ok(with("--json", "archive", "--to", archives)...)), &archived))
	if len(archived.Added) > 1 {
		t.Errorf("a second run added %+v", archived.Added)
	}
	must(t, os.WriteFile(filepath.Join(dir, "anchor"), []byte(anchor+"\n"), 0o600))
	if out := ok("audit", archives, "--anchor", filepath.Join(dir, "anchor")); !strings.HasPrefix(out, "clean") {
		t.Errorf("audit of the archive: %s", out)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cut.pcx"), text[:len(text)-10], 0o600))
	wrong := strings.Repeat("0", 63) + "1"
	for _, test := range []struct {
		exit      int
		says      string
		arguments []string
	}{
		{exitFindings, "export.broken", []string{"audit", filepath.Join(dir, "cut.pcx"), "--anchor", anchor}},
		{exitFindings, "ledger.genesis", []string{"audit", file, "--anchor", wrong}},
		{exitFindings, "no export of this format", []string{"audit", filepath.Join(dir, "anchor"), "--anchor", anchor}},
		{exitFindings, "", []string{"audit", file, "--anchor", wrong, "--quiet"}},
		{exitUsage, "what an export says of itself proves nothing", []string{"--data", filepath.Join(dir, "none"), "audit", file}},
		{exitUsage, "neither 64 hexadecimal digits nor a file", []string{"audit", file, "--anchor", "5f3a"}},
		{exitUsage, "does not hold 64", []string{"audit", file, "--anchor", file}},
		{exitUsage, "--format", []string{"audit", file, "--anchor", anchor, "--format", "xml"}},
		{exitUsage, "two formats", []string{"--json", "audit", file, "--anchor", anchor, "--format", "ocsf"}},
		{exitUsage, "--checkpoint", []string{"audit", file, "--anchor", anchor, "--checkpoint", filepath.Join(dir, "anchor")}},
		{exitLocalState, "none.pcx", []string{"audit", filepath.Join(dir, "none.pcx"), "--anchor", anchor}},
		{exitError, "holds 0 archives", []string{"audit", t.TempDir(), "--anchor", anchor}},
		{exitError, "name a file that does not exist", with("export", "-o", file)},
		{exitUsage, "no range", with("export", "-o", file, "--from", "9", "--to", "3")},
		{exitUsage, "--wait", with("export", "-o", file, "--wait", "-1s")},
		{exitUsage, "at least one record", with("archive", "--to", archives, "--segment", "0")},
		{exitError, "newest record is at", with("export", "-o", filepath.Join(dir, "more.pcx"), "--to", "100000000")},
	} {
		stdout, stderr, exit := cli(t, test.arguments...)
		if exit != test.exit || !strings.Contains(stdout+stderr, test.says) {
			t.Errorf("%v: exit %d, want %d: %s%s", test.arguments, exit, test.exit, stdout, stderr)
		}
	}
}

// TestExportToAPipe writes the file, and nothing else, to standard output.
func TestExportToAPipe(t *testing.T) {
	flags := zoneToRead(t)
	stdout, stderr, exit := cli(t, append(flags, "export", "-o", "-")...)
	if exit != exitDone || !strings.Contains(stderr, "exported positions") {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	r, err := evidence.NewReader(strings.NewReader(stdout))
	must(t, err)
	n := 0
	for f, err := range r.Frames() {
		must(t, err)
		if f.Kind == evidence.FrameRecord {
			n++
		}
	}
	if n == 0 {
		t.Error("no record")
	}
}

func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	bar := &progressBar{to: &out, size: 200}
	at := evidence.Progress{Bytes: 100, Records: 7, LogTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	bar.tell(at)
	bar.tell(at) // too soon
	bar.clear()
	want := "\r\x1b[K[" + strings.Repeat("#", 15) + strings.Repeat(".", 15) + "]  50 %  7 records, to 2026-01-02T03:04:05Z\r\x1b[K"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if line := (&progressBar{}).line(at); line != "7 records, to 2026-01-02T03:04:05Z" {
		t.Errorf("%q", line)
	}
	silent := (&globals{stderr: &out}).progressBar(200, false)
	if silent.tell(at); silent.to != nil {
		t.Error("it writes to what is no terminal")
	}
}
