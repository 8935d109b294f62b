package transcript_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/portcullis-dev/portcullis/transcript"
)

const (
	scout = "spiffe://example.test/home/agent/scout"
	e1    = "spiffe://example.test/home/enforcer/e1"
)

func TestText(t *testing.T) {
	at := transcript.Position{Seq: 12, Index: 3}
	intent := transcript.Intent{Tool: "file-read", Resource: "notes.txt", Agent: scout}
	with := func(change func(*transcript.Intent)) *transcript.Intent {
		in := intent
		change(&in)
		return &in
	}
	by := []string{scout}
	tests := []struct {
		name string
		line transcript.Line
		want string
	}{
		{"intent", transcript.Line{By: by, Intent: &intent}, "→ file-read notes.txt"},
		{"intent in another's name", transcript.Line{By: []string{e1}, Intent: &intent}, "→ file-read notes.txt, in the name of scout"},
		{"re-send", transcript.Line{By: by, Intent: with(func(in *transcript.Intent) { in.Resends = &at })}, "→ file-read notes.txt, the same as 12.3"},
		{"defect", transcript.Line{By: by, Intent: with(func(in *transcript.Intent) { in.Defect = "arguments.digest" })}, "→ file-read notes.txt, arguments.digest"},
		{"unreadable", transcript.Line{By: by, Intent: &transcript.Intent{Defect: "payload.malformed"}}, "unreadable: payload.malformed"},
		{"allow", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "ALLOW", Policies: []string{"p", "q"}, Votes: 1, Needed: 1, Quorum: true}}, "ALLOW 12.3 by p, q"},
		{"deny though policy permits", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "DENY", Reasons: []string{"session.gap"}, Policies: []string{"p"}, Votes: 1, Needed: 1, Quorum: true}}, "DENY 12.3 session.gap"},
		{"deny by policy", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "DENY", Reasons: []string{"halted", "policy.forbidden"}, Policies: []string{"p"}, Votes: 1, Needed: 1, Quorum: true}}, "DENY 12.3 halted, policy.forbidden by p"},
		{"first of two votes", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "ALLOW", Votes: 1, Needed: 2}}, "ALLOW 12.3 (1 of 2)"},
		{"quorum", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "ALLOW", Round: 2, Votes: 2, Needed: 2, Quorum: true}}, "ALLOW 12.3 in round 2 (2 of 2: quorum)"},
		{"after the quorum", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "ALLOW", Votes: 3, Needed: 2}}, "ALLOW 12.3 (agrees)"},
		{"another verdict", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "DENY", Votes: 1, Needed: 2, Differs: true}}, "DENY 12.3 (differs)"},
		{"no decision", transcript.Line{Decision: &transcript.Decision{Defect: "broken"}}, "counts for nothing: broken"},
		{"decision elsewhere", transcript.Line{Decision: &transcript.Decision{Intent: at, Verdict: "ALLOW", Defect: "misplaced"}}, "ALLOW 12.3 (counts for nothing: misplaced)"},
		{"valid claim", transcript.Line{Claim: &transcript.Claim{Intent: at, Digest: "d", Valid: true}}, "claims 12.3: valid"},
		{"void claim", transcript.Line{Claim: &transcript.Claim{Intent: at, Digest: "d", Void: "claim.second"}}, "claims 12.3: void: claim.second"},
		{"claim without a ruling", transcript.Line{Claim: &transcript.Claim{Intent: at, Digest: "d", Unknown: true}}, "claims 12.3 (told too late to rule on it)"},
		{"unreadable claim", transcript.Line{Claim: &transcript.Claim{Void: "claim.malformed"}}, "void: claim.malformed"},
		{"zero claim is not valid", transcript.Line{Claim: &transcript.Claim{}}, "void: "},
		{"executed", transcript.Line{Outcome: &transcript.Outcome{Claim: at, Status: "EXECUTED"}}, "EXECUTED under claim 12.3"},
		{"rogue", transcript.Line{Outcome: &transcript.Outcome{Claim: at, Status: "EXECUTED", Rogue: true}}, "EXECUTED under claim 12.3 (outcome.rogue: no valid claim stands for it)"},
		{"again", transcript.Line{Outcome: &transcript.Outcome{Claim: at, Status: "FAILED", Reason: "run.failed", Repeats: true}}, "FAILED under claim 12.3, run.failed (again)"},
		{"no outcome", transcript.Line{Outcome: &transcript.Outcome{Defect: "broken"}}, "says nothing: broken"},
		{"halt", transcript.Line{Governance: &transcript.Governance{Record: "halt", Scope: "tool:transfer", Reason: "why", Epoch: 4}}, `halt tool:transfer "why" (epoch 4)`},
		{"trip", transcript.Line{Governance: &transcript.Governance{Record: "trip", Rule: "clock.skew", Scope: "global", Reason: "2 s", Epoch: 4}}, `trip clock.skew global "2 s" (epoch 4)`},
		{"release", transcript.Line{Governance: &transcript.Governance{Record: "release", Number: 2, Epoch: 3}}, "release 2 (epoch 3)"},
		{"revocation", transcript.Line{Governance: &transcript.Governance{Record: "revoke", Whom: scout, Reason: "lost", Epoch: 5}}, `revoke ` + scout + ` "lost" (epoch 5)`},
		{"resume", transcript.Line{Governance: &transcript.Governance{Record: "resume", Halts: []string{digest("abcdef01")}, Reason: "over", Epoch: 6}}, `resume of abcdef01 "over" (epoch 6)`},
		{"approval", transcript.Line{Approval: &transcript.Approval{Digest: digest("abcdef01"), Approve: true}}, "approves intent abcdef01"},
		{"approval with a note", transcript.Line{Approval: &transcript.Approval{Digest: digest("abcdef01"), Approve: true, Note: "fine\nby me"}}, `approves intent abcdef01 "fine\\nby me"`},
		{"zero approval refuses", transcript.Line{Approval: &transcript.Approval{Digest: digest("abcdef01")}}, "refuses intent abcdef01"},
		{"pulse", transcript.Line{Pulse: &transcript.Pulse{Counter: 7, Epoch: 2}}, "#7 in epoch 2"},
		{"pulse of another history", transcript.Line{Pulse: &transcript.Pulse{Counter: 7, Epoch: 2, Fault: "forked"}}, "#7 in epoch 2: forked"},
		{"noise", transcript.Line{Noise: &transcript.Noise{Reason: "noise.name", Subject: "fabric.home.pulse", Detail: "so"}}, "noise.name on fabric.home.pulse: so"},
		{"noise with headers", transcript.Line{Noise: &transcript.Noise{Reason: "noise.subject", Detail: "so"}}, "noise.subject with headers of its own: so"},
		{"nothing", transcript.Line{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.line.Text(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// FuzzTextIsPrintable: whatever agents and attackers write, a line is one line
// of printable characters, and its JSON is JSON.
func FuzzTextIsPrintable(f *testing.F) {
	f.Add("notes.txt", `{"a":1}`)
	f.Add("\x1b[2J\r\nintent 12.0 forged", "\xff{")
	f.Add("\u202egnp.exe", "\u00a0")
	f.Add(strings.Repeat("𝕏", 5000), "")
	f.Fuzz(func(t *testing.T, text, arguments string) {
		quoted, err := json.Marshal(arguments)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1, 0)
		told := []transcript.Line{
			{Kind: "intent", By: []string{text}, Intent: &transcript.Intent{Tool: "file-read", Resource: text, Agent: text, Arguments: quoted, Deadline: &now}},
			{Kind: "noise", Noise: &transcript.Noise{Reason: "noise.name", Detail: text, Subject: arguments}},
			{Kind: "governance", Governance: &transcript.Governance{Record: "halt", Scope: text, Reason: arguments, Whom: text, Halts: []string{text}}},
			{Kind: "decision", Decision: &transcript.Decision{Verdict: "ALLOW", Policies: []string{text, arguments}}},
		}
		for _, l := range told {
			for _, r := range l.String() {
				if !unicode.IsPrint(r) {
					t.Errorf("%q holds %q", l.String(), r)
				}
			}
			data, err := json.Marshal(l)
			if err != nil || !json.Valid(data) {
				t.Errorf("%s: %v", data, err)
			}
		}
		story := transcript.Story{Intent: told[0], Rederived: &transcript.Rederived{Decision: told[3].Decision, Explanation: text}}
		for _, r := range story.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("the story holds %q", r)
			}
		}
	})
}

// TestJSON pins the stable form.
func TestJSON(t *testing.T) {
	at := time.Date(2026, 11, 22, 4, 0, 0, 123456789, time.UTC)
	line := transcript.Line{
		Position: transcript.Position{Seq: 12, Index: 3}, LogTime: at, Kind: "claim", By: []string{scout},
		Claim: &transcript.Claim{Intent: transcript.Position{Seq: 11}, Digest: digest("ab"), Incarnation: "00", Void: "claim.second"},
	}
	data, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"position":"12.3","log_time":"2026-11-22T04:00:00.123456789Z","kind":"claim","by":["` + scout + `"],` +
		`"claim":{"intent":"11.0","intent_digest":"` + digest("ab") + `","incarnation":"00","valid":false,"void":"claim.second"},` +
		`"text":"claims 11.0: void: claim.second"}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	var back transcript.Line
	if err := json.Unmarshal(data, &back); err != nil || back.Position != line.Position || *back.Claim != *line.Claim {
		t.Errorf("read back: %+v, %v", back, err)
	}
}
