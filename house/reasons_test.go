package house

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// reasonsDocument is the users' copy of the one table of refusals.
const reasonsDocument = "../docs/reasons.md"

var update = flag.Bool("update", false, "write docs/reasons.md anew instead of comparing it")

// TestReasonsDocument compares docs/reasons.md with the table in schemas: a code that a user meets is always explained.
func TestReasonsDocument(t *testing.T) {
	want := reasonsPage(schemas.Reasons())
	if *update {
		if err := os.WriteFile(reasonsDocument, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reasonsDocument)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not say what the table of reasons says; write it anew with: go test ./house -run TestReasonsDocument -update", reasonsDocument)
	}
}

func TestReasonsPage(t *testing.T) {
	page := reasonsPage(schemas.Reasons())
	for _, r := range schemas.Reasons() {
		if row := reasonRow(r); strings.Count(page, row) != 1 {
			t.Errorf("%v: the page has its row %d times, want once", r, strings.Count(page, row))
		}
	}
	if without := reasonsPage(schemas.Reasons()[1:]); without == page {
		t.Error("a page without the first reason is the same page: the comparison could never fail")
	}
}

// reasonGroups are the chapters of the page. A reason belongs to the last one that begins at or before its number.
var reasonGroups = []struct {
	from         pb.Reason
	title, lines string
}{
	{
		pb.Reason_REASON_NOISE_SUBJECT, "Noise",
		"Why a message on the ledger is no record. Every follower skips it by the same test; nobody gets a decision for it.",
	},
	{
		pb.Reason_REASON_PAYLOAD_MALFORMED, "Decisions",
		"Why an enforcer's verdict is DENY. A decision lists every reason that applies.",
	},
	{
		pb.Reason_REASON_CLAIM_UNDECIDED, "Claims",
		"Why a claim is void. The first reason counts; nothing is done under a void claim.",
	},
	{
		pb.Reason_REASON_START_LATE, "Starts and runs",
		"Why an action with a valid claim was not started, or did not end as EXECUTED. Outcomes carry it.",
	},
}

func reasonsPage(reasons []pb.Reason) string {
	var b strings.Builder
	b.WriteString("# Reasons\n\n" +
		"Everything that is refused is refused for one of these reasons. The codes are stable: programs may rely on them.\n" +
		"The numbers are those of [reason.proto](../schemas/portcullis/v1/reason.proto), from which this page is written;\n" +
		"[a test](../house/reasons_test.go) compares the two.\n")
	group := 0
	for _, r := range reasons {
		for group < len(reasonGroups) && r >= reasonGroups[group].from {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| code | number | meaning |\n|---|---|---|\n", reasonGroups[group].title, reasonGroups[group].lines)
			group++
		}
		b.WriteString(reasonRow(r))
	}
	return b.String()
}

func reasonRow(r pb.Reason) string {
	return fmt.Sprintf("| `%s` | %d | %s |\n", schemas.ReasonCode(r), r, schemas.ReasonText(r))
}
