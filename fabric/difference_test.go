package fabric_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestDifferences(t *testing.T) {
	f := create(t, params())
	before := state(t, f).Release().Proto
	if got := fabric.Differences(before, before); len(got) != 0 {
		t.Errorf("of itself: %v", got)
	}
	after := proto.CloneOf(before)
	after.Version, after.Note = 2, "second"
	slices.Reverse(after.Directory) // order says nothing
	for _, p := range after.Directory {
		if p.GetName() == "scout" {
			p.Groups = []string{"staff", "night shift"}
		}
	}
	after.Directory = append(after.Directory, &pb.Identity{Name: "robin", Role: pb.Role_ROLE_AGENT, Tools: []string{"transfer"}})
	after.Tools = slices.DeleteFunc(after.Tools, func(t *pb.Tool) bool { return t.GetName() == "http-get" })
	after.Bounds.MaxDeadline.Seconds = 90
	after.Limits[0].Max = 9000
	after.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	after.Drift = []*pb.DriftRule{{Rule: "clock.skew", WarnOnly: true}}
	after.Thresholds.Release = 2
	after.Governors = append(after.Governors, &pb.Governor{Name: "g2", PublicKey: make([]byte, 32)})
	for _, p := range after.Policies {
		p.Text = strings.Replace(p.Text, "amount <= 1000", "amount <= 2000", 1)
	}
	var b strings.Builder
	for _, d := range fabric.Differences(before, after) {
		b.WriteString(d.String() + "\n")
	}
	want := `policies/money.cedar
  - when { context.arguments.amount <= 1000 };
  + when { context.arguments.amount <= 2000 };
+ governors.g2: public_key 0000000000000000000000000000000000000000000000000000000000000000
~ thresholds.release: 1 → 2
+ directory.robin: role agent, tools [transfer]
~ directory.scout.groups: [staff] → [staff, "night shift"]
- tools.http-get: `
	if got := b.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `
~ limits.transfer_sum.max: 5000 → 9000
~ bounds.max_deadline: 1m0s → 1m30s
~ durability: sync_always → relaxed_sync_may_lose_records
+ drift.clock.skew: warn_only true
~ note: "The first release, a small story to begin with." → second
`) {
		t.Errorf("got\n%s", got)
	}
}

// TestDifferencesMissNothing changes one leaf of a release at random: whatever it
// is, it shows.
func TestDifferencesMissNothing(t *testing.T) {
	f := create(t, params())
	before := state(t, f).Release().Proto
	changes := map[string]func(*pb.Release){
		"description":   func(r *pb.Release) { r.Tools[0].Description += "x" },
		"argument type": func(r *pb.Release) { r.Tools[1].Arguments[0].Type = pb.AttributeType_ATTRIBUTE_TYPE_LONG },
		"minimum":       func(r *pb.Release) { r.Tools[1].Arguments[0].Min = proto.Int64(0) },
		"one of":        func(r *pb.Release) { r.Tools[1].Arguments[0].OneOf = []string{"a"} },
		"rank":          func(r *pb.Release) { r.Directory[2].Rank = 7 },
		"gateway":       func(r *pb.Release) { r.Directory[2].Gateway = true },
		"required":      func(r *pb.Release) { r.Directory[2].Required = true },
		"builds":        func(r *pb.Release) { r.Directory[2].Builds = [][]byte{make([]byte, 32)} },
		"attributes": func(r *pb.Release) {
			r.Directory[0].Attributes = []*pb.Value{{Name: "level", Value: &pb.Value_Number{}}}
		},
		"issuers": func(r *pb.Release) { r.Issuers = append(r.Issuers, make([]byte, 99)) },
		"window":  func(r *pb.Release) { r.Limits[0].Window.Nanos = 1 },
		"key":     func(r *pb.Release) { r.Limits[0].Key = pb.LimitKey_LIMIT_KEY_TOOL },
		"k":       func(r *pb.Release) { r.DecisionThreshold = 2 },
		"twice":   func(r *pb.Release) { r.Limits = append(r.Limits, r.Limits[0]) },
		"a policy file": func(r *pb.Release) {
			r.Policies = append(r.Policies, &pb.PolicySource{Name: "x.cedar", Text: "permit"})
		},
		"no bounds": func(r *pb.Release) { r.Bounds = nil },
	}
	for name, change := range changes {
		after := proto.CloneOf(before)
		change(after)
		if got := fabric.Differences(before, after); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		if got := fabric.Differences(after, before); len(got) != 1 {
			t.Errorf("%s, back: %v", name, got)
		}
	}
}

// TestLineDiffIsShortest compares with a definition that is plainly right: lines
// of the first text that are not marked, and lines of the second that are not,
// are the same lines, and no more of them can be kept.
func TestLineDiffIsShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "", "- a"}), 0, 8)
		a, b := lines.Draw(t, "a"), lines.Draw(t, "b")
		var removed, added []string
		for _, line := range fabric.LineDiff(text(a), text(b)) {
			switch line[:2] {
			case "- ":
				removed = append(removed, line[2:])
			case "+ ":
				added = append(added, line[2:])
			default:
				t.Fatalf("%q", line)
			}
		}
		common := longestCommon(a, b)
		if len(a)-len(removed) != common || len(b)-len(added) != common {
			t.Fatalf("%d of %d removed, %d of %d added, %d are common", len(removed), len(a), len(added), len(b), common)
		}
		if !subsequence(removed, a) || !subsequence(added, b) {
			t.Fatalf("removed %q of %q, added %q of %q", removed, a, added, b)
		}
	})
}

func text(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func longestCommon(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case a[0] == b[0]:
		return 1 + longestCommon(a[1:], b[1:])
	default:
		return max(longestCommon(a[1:], b), longestCommon(a, b[1:]))
	}
}

func subsequence(part, whole []string) bool {
	for _, line := range whole {
		if len(part) > 0 && part[0] == line {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// TestLineDiffOfLargeTexts gives up on shortness, not on truth.
func TestLineDiffOfLargeTexts(t *testing.T) {
	a := strings.Repeat("a\n", 3000)
	b := "same\n" + strings.Repeat("b\na\n", 1500) + "end\n"
	got := fabric.LineDiff("same\n"+a+"end\n", b)
	if len(got) != 2999+2999 || got[0] != "- a" || got[2998] != "- a" || got[2999] != "+ b" { // the last "a" is in the equal end
		t.Errorf("%d lines, from %q to %q", len(got), got[0], got[len(got)-1])
	}
}
