package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twoPeople is a policy under which transfers of more than 1000 need two
// approvals, and its case.
const twoPeople = `
@id("large-transfers")
@reason("Larger transfers need two people.")
@approvals("2")
permit (principal in Group::"staff", action == Action::"transfer", resource is Account)
when { context.arguments.amount > 1000 };
`

const twoPeopleCase = `
  - name: two people for more
    agent: scout
    tool: transfer
    resource: acme
    arguments: {to: acme, amount: 1001, currency: EUR}
    approvals: 2
    allow: true
`

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(old, text...), 0o600))
}

// TestApprovalsSession is two people who approve one transfer and refuse another
// that looks alike; testdata/approvals.txt tells it.
func TestApprovalsSession(t *testing.T) {
	t.Parallel()
	s := &session{t: t, data: filepath.Join(t.TempDir(), "data")}
	if _, stderr, exit := cli(t, "--data", s.data, "init", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	s.note("Nothing runs.")
	s.run("approvals", "list")
	serve(t, s.data, "up")
	appendTo(t, filepath.Join(s.data, "release", "policies", "money.cedar"), twoPeople)
	appendTo(t, filepath.Join(s.data, "release", "tests", "money.yaml"), twoPeopleCase)
	for _, arguments := range [][]string{
		{"release", "publish", "--accept-widening", "--wait", "0"},
		{"enroll", "approver", "alice", "--tools", "transfer"},
		{"enroll", "approver", "bob", "--tool", "transfer,http-get"},
		{"enroll", "approver", "carol", "--tool", "file-read"},
	} {
		if out, stderr, exit := cli(t, append([]string{"--data", s.data}, arguments...)...); exit != exitDone {
			t.Fatalf("%q: %s%s", arguments, out, stderr)
		}
	}
	s.note("Nothing waits.")
	s.run("approvals", "list")
	s.run("approvals", "approve", "abcd", "--as", "alice")
	s.run("approvals", "approve", "abcd")
	s.run("approvals", "approve", "abcd", "--as", "nobody")
	s.run("approvals", "approve", "scout", "--as", "alice")
	s.note("Scout asks for a transfer of 1082.")
	small := s.background("1082")
	s.waits(1)
	s.run("approvals", "list")
	s.run("--json", "approvals", "list", "--as", "bob")
	s.run("approvals", "approve", small.digest(), "--as", "carol")
	s.run("approvals", "approve", small.digest(), "--as", "alice", "--note", "the invoice is here")
	s.run("approvals", "approve", small.digest(), "--as", "alice")
	s.run("approvals", "list")
	s.note("Scout asks for 1820: the approval of 1082 does not fit.")
	large := s.background("1820")
	s.waits(2)
	s.run("approvals", "list")
	s.run("--json", "approvals", "approve", small.digest(), "--as", "bob")
	s.told(small)
	s.run("approvals", "approve", small.digest(), "--as", "bob")
	s.run("approvals", "refuse", large.digest(), "--as", "bob")
	s.run("approvals", "approve", large.digest(), "--as", "alice")
	s.run("approvals", "list")
	golden(t, "approvals.txt", s.steady())
}

// TestAnswerUsage: what is typed wrongly connects to nobody.
func TestAnswerUsage(t *testing.T) {
	data := newZone(t)
	for _, arguments := range [][]string{
		{"refuse", "abcd", "--as", "alice", "--note", strings.Repeat("n", maxNote+1)},
		{"approve", "abcd", "--as", "alice", "--wait", "0s"},
		{"approve", "--as", "alice"},
		{"list", "abcd"},
	} {
		if out, stderr, exit := cli(t, append([]string{"--data", data, "approvals"}, arguments...)...); exit != exitUsage {
			t.Errorf("%q: exit %d: %s%s", arguments, exit, out, stderr)
		}
	}
}

// TestShown: an approver sees all of what he signs for, or is told that he does
// not, and nothing that hides it.
func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		`{"amount":820}`:        `{"amount":820}`,
		"a\x1b[2Kb\r\nc":        `a\u001b[2Kb\u000d\u000ac`,
		"82\u202e028":           `82\u202e028`,
		"\xff":                  "\uFFFD",
		strings.Repeat("x", 20): strings.Repeat("x", 11) + "… (20 bytes; see portcullis show)",
	} {
		most := 100
		if strings.HasPrefix(in, "xx") {
			most = 10
		}
		if got := shown([]byte(in), most); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// waitingTransfer is a transfer that waits.
type waitingTransfer struct {
	s      *session
	amount string
	done   chan string

	digestText string
}

// background proposes a transfer and goes on.
func (s *session) background(amount string) *waitingTransfer {
	w := &waitingTransfer{s: s, amount: amount, done: make(chan string, 1)}
	arguments := []string{
		"--data", s.data, "--json", "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--timeout", "50s",
		"--arg", "to=acme", "--arg", "amount=" + amount, "--arg", "currency=EUR",
	}
	go func() {
		out, stderr, _ := cli(s.t, arguments...)
		w.done <- out + stderr
	}()
	return w
}

// waits waits until so many intents wait for approval.
func (s *session) waits(n int) {
	s.t.Helper()
	eventually(s.t, func() bool { return len(s.waiting()) == n })
}

// waiting is what `approvals list` writes, one line for each.
func (s *session) waiting() []string {
	out, _, _ := cli(s.t, "--data", s.data, "--json", "approvals", "list")
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
}

// digest finds the intent by what it asks for.
func (w *waitingTransfer) digest() string {
	w.s.t.Helper()
	if w.digestText == "" {
		for _, line := range w.s.waiting() {
			if _, rest, found := strings.Cut(line, `"amount":`+w.amount+`,`); found {
				_, rest, _ = strings.Cut(rest, `"intent":"`)
				w.digestText, _, _ = strings.Cut(rest, `"`)
			}
		}
	}
	return w.digestText
}

// told writes down what became of a proposal.
func (s *session) told(w *waitingTransfer) {
	s.text.WriteString("# Scout is told:\n\n" + <-w.done + "\n")
}
