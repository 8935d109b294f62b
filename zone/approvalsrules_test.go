package zone

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var (
	alice = someone(pb.Role_ROLE_APPROVER, "alice")
	bob   = someone(pb.Role_ROLE_APPROVER, "bob")
)

func waitingAt(seq uint64, digest string) Waiting {
	var d trust.Digest
	copy(d[:], digest)
	return Waiting{
		Intent: verdict.Intent{
			Position: ledger.Position{Seq: seq}, Digest: d, Content: &pb.Intent{Tool: "transfer"},
			Signer: trust.Credential{ID: someone(pb.Role_ROLE_AGENT, "scout")},
		},
		Deadline: time.Now().Add(time.Minute),
		Decision: &pb.Decision{Reasons: []pb.Reason{pb.Reason_REASON_APPROVAL_PENDING}},
		Needed:   2,
	}
}

// TestMayAnswer: what the enforcers would pass over is not appended.
func TestMayAnswer(t *testing.T) {
	release := aRelease(t).Proto
	release.Directory = append(release.Directory,
		&pb.Identity{Name: "alice", Role: pb.Role_ROLE_APPROVER, Tools: []string{"transfer"}},
		&pb.Identity{Name: "bob", Role: pb.Role_ROLE_APPROVER, Tools: []string{"file-read"}})
	indexed, err := governance.NewRelease(trust.Digest{1}, release)
	if err != nil {
		t.Fatal(err)
	}
	answered := func(by trust.Identity, approve bool) func(*Waiting) {
		return func(w *Waiting) { w.Answers = append(w.Answers, Answer{By: by, Approve: approve}) }
	}
	allowed := func(w *Waiting) { w.Decision = &pb.Decision{Verdict: pb.Verdict_VERDICT_ALLOW} }
	for name, test := range map[string]struct {
		by              trust.Identity
		change          func(*Waiting)
		approve, refuse string // part of the error; "" where it may
	}{
		"waiting":              {alice, func(*Waiting) {}, "", ""},
		"another's approval":   {alice, answered(bob, true), "", ""},
		"her own approval":     {alice, answered(alice, true), "has approved", ""},
		"refused":              {alice, answered(bob, false), "was refused by bob", "was refused by bob"},
		"allowed":              {alice, allowed, "decided ALLOW", ""},
		"denied otherwise":     {alice, func(w *Waiting) { w.Decision = &pb.Decision{} }, "decided DENY", ""},
		"not for this tool":    {bob, func(*Waiting) {}, "only for file-read", "only for file-read"},
		"not in the directory": {someone(pb.Role_ROLE_APPROVER, "carol"), func(*Waiting) {}, "not in the directory", "not in the directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := waitingAt(86, "one")
			test.change(&w)
			for approve, want := range map[bool]string{true: test.approve, false: test.refuse} {
				err := mayAnswer(indexed, test.by, w, approve)
				if want == "" && err != nil || want != "" && (!errors.Is(err, ErrNotWaiting) || !strings.Contains(err.Error(), want)) {
					t.Errorf("approve %v: %v, want %q", approve, err, want)
				}
			}
		})
	}
}

// TestMeant: an intent is named by its position or the beginning of its digest,
// and by nothing that could mean another.
func TestMeant(t *testing.T) {
	// In hexadecimal: 12345678…, 12349999…
	all := []Waiting{waitingAt(86, "\x12\x34\x56\x78"), waitingAt(8601, "\x12\x34\x99\x99")}
	for text, want := range map[string]uint64{
		"86": 86, "86.0": 86, "8601": 8601, "12345678": 86, "12349999": 8601, all[1].Intent.Digest.String(): 8601,
		"": 0, "87": 0, "86.1": 0, "1234": 0, "123400000": 0, "123": 0, "12x4567890": 0, "1234zz": 0, "12345678zz": 0, "0": 0, "-1": 0,
	} {
		w, err := meant(all, text)
		if w.Intent.Position.Seq != want || (err == nil) != (want > 0) {
			t.Errorf("%q: position %d (%v), want %d", text, w.Intent.Position.Seq, err, want)
		}
		if err != nil && !errors.Is(err, ErrNotWaiting) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := meant(all, "1234999912"); err == nil {
		t.Error("a digest that goes on differently is accepted")
	}
	both := []Waiting{waitingAt(1, "\xab\xcd\x01"), waitingAt(2, "\xab\xcd\x02")}
	if _, err := meant(both, "abcd"); err == nil || !strings.Contains(err.Error(), "means 2 intents") {
		t.Errorf("two intents: %v", err)
	}
}
