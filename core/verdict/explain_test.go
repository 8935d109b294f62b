package verdict_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// explained proposes in and explains what becomes of it.
func (w *world) explained(in *pb.Intent) (*pb.Decision, string) {
	read := w.read(in)
	request, ok := w.state.PolicyRequest(w.fold, w.rules, read)
	d := w.state.Decide(w.fold, w.rules, read)
	if !ok {
		return d, verdict.Explain(w.rules, d, nil)
	}
	return d, verdict.Explain(w.rules, d, &request)
}

func TestExplainNamesEveryReason(t *testing.T) {
	w := newWorld(t, policies(`@id("small") permit (principal, action == Action::"pay", resource) when { context.arguments.amount < 10 };`))
	d, text := w.explained(w.intent(w.alice, pay(11), deadline(w.now)))
	wantReasons(t, d, deadlinePassed, policyDefaultDeny)
	for _, r := range d.GetReasons() {
		if want := schemas.ReasonCode(r) + ": " + schemas.ReasonText(r); !strings.Contains(text, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, text)
		}
	}
	if !strings.Contains(text, "small") {
		t.Errorf("the explanation does not name the nearest policy:\n%s", text)
	}
}

// TestPolicyRequestIsWhatDecideAsks: policy, asked again, says the same, also
// about what was delegated.
func TestPolicyRequestIsWhatDecideAsks(t *testing.T) {
	c := newChain(newWorld(t, enrolCarol, policies(forAlice)))
	in := c.intent(c.carol)
	for i, link := range c.links {
		in.Delegation = append(in.Delegation, c.seal(i, encode(t, link)))
	}
	rec := c.mustAppend(schemas.KindIntent, "carol", c.carol.List(schemas.KindIntent, c.zone.Ledger, encode(t, in)))
	read := intentOf(rec, 0)
	request, ok := c.state.PolicyRequest(c.fold, c.rules, read)
	if !ok || request.Delegator.ID != c.alice.SPIFFE() || !c.rules.Policy.Evaluate(request).Allow {
		t.Errorf("asked %v for delegator %q", ok, request.Delegator.ID)
	}
	wantReasons(t, c.state.Decide(c.fold, c.rules, read))
}

func TestPolicyRequestOfWhatPolicyNeverSees(t *testing.T) {
	w := newWorld(t)
	unknown := w.read(w.intent(w.alice, func(in *pb.Intent) { in.Tool = "fly" }))
	rec := w.mustAppend(schemas.KindIntent, "carol", w.carol.List(schemas.KindIntent, w.zone.Ledger, encode(t, w.intent(w.carol))))
	for name, in := range map[string]verdict.Intent{"unread": {}, "unknown tool": unknown, "stranger": intentOf(rec, 0)} {
		if _, ok := w.state.PolicyRequest(w.fold, w.rules, in); ok {
			t.Errorf("%s: got as far as policy", name)
		}
	}
}

// TestExplanationIsBounded: an answer has room for 4,096 bytes.
func TestExplanationIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		text.WriteString("@id(\"" + strings.Repeat("p", i+1) + "\") @reason(\"" + strings.Repeat("é", 100) + "\")" +
			`permit (principal, action == Action::"pay", resource) when { context.arguments.amount < 10 };`)
	}
	w := newWorld(t, policies(text.String()))
	d := &pb.Decision{}
	for range 80 {
		d.Reasons = append(d.Reasons, policyDefaultDeny)
	}
	request, _ := w.state.PolicyRequest(w.fold, w.rules, w.read(w.intent(w.alice, pay(11))))
	got := verdict.Explain(w.rules, d, &request)
	if len(got) > 4096 || len(got) < 3900 || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid: %v", len(got), utf8.ValidString(got))
	}
}
