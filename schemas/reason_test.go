package schemas_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestReasonsTotal: each reason has one dotted code, which comes back, and a
// sentence.
func TestReasonsTotal(t *testing.T) {
	codes, previous := map[string]bool{}, pb.Reason(0)
	shape := regexp.MustCompile(`^[a-z]+(\.[a-z_]+)?$`)
	for _, r := range schemas.Reasons() {
		code, text := schemas.ReasonCode(r), schemas.ReasonText(r)
		if !shape.MatchString(code) || codes[code] {
			t.Errorf("%v has the code %q, or shares it", r, code)
		}
		codes[code] = true
		if back, ok := schemas.ReasonFromCode(code); !ok || back != r {
			t.Errorf("%q comes back as %v", code, back)
		}
		if !strings.HasSuffix(text, ".") {
			t.Errorf("%v: %q is no sentence", r, text)
		}
		if r <= previous {
			t.Errorf("%v stands after %v", r, previous)
		}
		previous = r
	}
	if len(codes) != len(pb.Reason_name)-1 {
		t.Errorf("%d reasons of %d", len(codes), len(pb.Reason_name)-1)
	}
	if code := schemas.ReasonCode(pb.Reason_REASON_SESSION_GAP); code != "session.gap" {
		t.Errorf("session.gap is spelled %q", code)
	}
}

func TestNoReason(t *testing.T) {
	for _, code := range []string{"", "unspecified", "session", "SESSION.GAP", "session_gap", "session.gap ", "REASON_SESSION_GAP", "9999"} {
		if r, ok := schemas.ReasonFromCode(code); ok || r != 0 {
			t.Errorf("%q is %v", code, r)
		}
	}
	if text := schemas.ReasonText(0); text != "" {
		t.Errorf("no reason says %q", text)
	}
}

// TestReasonTextIsTheComment: reasontext.go repeats reason.proto word for word.
func TestReasonTextIsTheComment(t *testing.T) {
	source, err := os.ReadFile("portcullis/v1/reason.proto")
	if err != nil {
		t.Fatal(err)
	}
	value := regexp.MustCompile(`^(REASON_\w+) = \d+;$`)
	comment, found := "", 0
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "//"); ok {
			comment = strings.TrimSpace(comment + text)
			continue
		}
		if match := value.FindStringSubmatch(line); match != nil && match[1] != "REASON_UNSPECIFIED" {
			found++
			if got := schemas.ReasonText(pb.Reason(pb.Reason_value[match[1]])); got != comment {
				t.Errorf("%s: %q, the schema says %q", match[1], got, comment)
			}
		}
		comment = ""
	}
	if found != len(schemas.Reasons()) {
		t.Errorf("found %d reasons in the schema, want %d", found, len(schemas.Reasons()))
	}
}

func TestRefusal(t *testing.T) {
	bare := schemas.Refuse(pb.Reason_REASON_HALTED, "")
	told := fmt.Errorf("enforcing: %w", schemas.Refuse(pb.Reason_REASON_SESSION_GAP, "sequence %d after %d", 9, 7))
	if got := bare.Error(); got != "halted: "+schemas.ReasonText(pb.Reason_REASON_HALTED) {
		t.Errorf("%q", got)
	}
	if got := told.Error(); got != "enforcing: session.gap: sequence 9 after 7" {
		t.Errorf("%q", got)
	}
	for _, test := range []struct {
		err  error
		want pb.Reason
	}{
		{bare, pb.Reason_REASON_HALTED},
		{told, pb.Reason_REASON_SESSION_GAP},
		{errors.New("session.gap"), 0},
		{nil, 0},
	} {
		if got := schemas.ReasonOf(test.err); got != test.want {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
		}
	}
}
