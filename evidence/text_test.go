package evidence_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/evidence"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs; see what changed with -update and git diff. Got:\n%s", path, got)
	}
}

func at(seconds int) time.Time { return time.Date(2026, 3, 1, 12, 0, seconds, 250e6, time.UTC) }

// troubled is a report with something under every heading.
func troubled() *audit.Report {
	r := &audit.Report{
		Ledger: strings.Repeat("ab", 32), TrustDomain: "example.test", Zone: "home", First: 1, Last: 1_204_511, Begun: at(0), Ended: at(3723), Whole: true,
		Records: map[string]uint64{"intent": 300_100, "decision": 300_000, "claim": 299_000, "outcome": 299_000, "pulse": 6400, "governance": 5, "credential": 6},
		Items:   1_198_100, Signatures: 1_204_516, Noise: map[string]uint64{"noise.subject": 1, "noise.signature": 2}, Verdicts: 300_100, Compared: 300_000,
		Intents: 300_100, Final: map[audit.State]uint64{audit.StateExecuted: 298_000, audit.StateDenied: 1000, audit.StateFailed: 1000, audit.StateExpired: 99}, Open: 1,
		Void: map[string]uint64{"claim.halted": 3},
		Tree: audit.Tree{Size: 1_204_511, Root: "2YVXLpbhIt5vmI3aaYgm3IesvPkr3Szs1KO78ttX3CA=", Covered: 1_204_500, Checkpoints: []audit.Checkpoint{
			{Size: 1_204_000, Recorder: "r1", Witnesses: []string{"w1", "w2"}, Witnessed: true}, {Size: 1_204_500, Recorder: "r1"},
		}},
		Governance: []audit.Governed{
			{Position: 1, LogTime: at(0), Epoch: 1, Kind: "genesis", Text: "trust domain example.test, zone home", Signers: []string{"g1", "g2"}},
			{Position: 900, LogTime: at(60), Epoch: 3, Kind: "halt", Text: "global: \"fire\"", Signers: []string{"g1"}},
		},
		Closed: []audit.Closed{{From: at(60), Until: at(90), Why: "halted"}, {From: at(3720), Why: "no pulse"}},
		Findings: []audit.Finding{
			{Rule: audit.RuleReplay, Position: "731.2", LogTime: at(50), Subject: "spiffe://example.test/home/enforcer/e1", Detail: "recorded ALLOW, and the records give DENY"},
			{Rule: audit.RuleOrder, Position: "800", LogTime: at(55), Detail: "positions 800 to 802 are missing"},
			{Rule: audit.RuleExport, Detail: "the export is broken\x1b[31m"},
		},
		More: 2, Unjudged: []string{"whether records after position 1204500 are all there: no checkpoint covers them"},
	}
	return r
}

func TestText(t *testing.T) {
	golden(t, "troubled.txt", evidence.Text(troubled()))
	golden(t, "nothing.txt", evidence.Text(&audit.Report{Ledger: strings.Repeat("ab", 32), Findings: []audit.Finding{{Rule: audit.RuleGenesis, Detail: "no record"}}}))
	w := newWorld(t).acts(3, 2)
	w.foreign()
	golden(t, "honest.txt", evidence.Text(audited(t, w.checkpoint().export(), w.zone.Ledger)))
}

// TestTextIsBounded: a person is shown the first of many.
func TestTextIsBounded(t *testing.T) {
	r := troubled()
	for range 1000 {
		r.Findings = append(r.Findings, r.Findings[0])
		r.Closed = append(r.Closed, r.Closed[0])
		r.Governance = append(r.Governance, r.Governance[0])
	}
	text := evidence.Text(r)
	if n := strings.Count(text, "\n"); n > 700 {
		t.Errorf("%d lines", n)
	}
	for _, more := range []string{"… and 903 more", "… and 982 more", "… and 962 more"} {
		if !strings.Contains(text, more) {
			t.Errorf("it does not say %q", more)
		}
	}
}
