package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	coreaudit "github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestReadersWithoutTheKey: whoever has no sealing key says what cannot be derived
// again and calls it neither the same nor different; an audit of a file derives
// everything else.
func TestReadersWithoutTheKey(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	of := func(arguments ...string) []string { return append([]string{"--data", data}, arguments...) }
	done(t, of("init", "--port", freePort(t), "--bank", freeAddress(t))...)
	done(t, of("keys", "sealing", "new", "k1")...)
	serve(t, data, "up")
	done(t, of("release", "publish")...)
	plain := of("propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	done(t, plain...)
	sealedTransfer(t, data, "k1", "250", exitDone)
	done(t, plain...)

	if out := done(t, of("lineage", "search", "--tool", "transfer")...); !strings.Contains(out, "transfer acme (sealed to k1)") {
		t.Errorf("lineage does not say that it is sealed:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "ledger.pcx")
	done(t, of("export", "-o", file, "--wait", "20s")...)
	var report coreaudit.Report
	must(t, json.Unmarshal([]byte(done(t, of("--json", "audit", file)...)), &report))
	if report.Verdicts != 2 || report.Intents != 3 || report.Final[coreaudit.StateExecuted] != 3 || !strings.Contains(strings.Join(report.Unjudged, "\n"), "taken as recorded, 1 of them") {
		t.Errorf("%d verdicts on %d intents, %v, %q", report.Verdicts, report.Intents, report.Final, report.Unjudged)
	}

	// The source and the candidate below would both deny what was sealed: nobody can
	// tell, so nobody says that they do.
	replaceIn(t, filepath.Join(data, "release", "policies", "money.cedar"), "amount <= 1000", "amount <= 100")
	const cannot = "2 decisions cannot be derived again: arguments are sealed\n"
	if out := done(t, of("release", "diff")...); !strings.Contains(out, "replayed 1 recorded decision ") || !strings.HasSuffix(out, cannot) {
		t.Errorf("release diff: %s", out)
	}
	if out := done(t, of("--json", "release", "diff")...); !strings.Contains(out, `"sealed":2`) {
		t.Errorf("release diff: %s", out)
	}
	dropKeys(t, filepath.Join(data, "release", "release.yaml"))
	for _, release := range []string{"2", filepath.Join(data, "release")} { // a release without the key denies what is sealed, and knows it
		out := done(t, of("lineage", "whatif", "--release", release)...)
		if !strings.Contains(out, "decided 1 recorded decision again: 0 deny→allow, 0 new error, 0 allow→deny, 0 other reasons") || !strings.HasSuffix(out, cannot) {
			t.Errorf("whatif %s: %s", release, out)
		}
		var told zone.WhatIf
		must(t, json.Unmarshal([]byte(done(t, of("lineage", "whatif", "--release", release, "--file", file, "--format", "json")...)), &told))
		if told.Underived != 2 || told.Compared != 1 || len(told.Rounds) != 0 {
			t.Errorf("whatif %s in the file: %+v", release, told)
		}
	}
}
