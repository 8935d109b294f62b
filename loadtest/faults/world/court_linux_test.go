//go:build faults

package world

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestCourt plants each thing that must not be into a story that is right.
func TestCourt(t *testing.T) {
	const bound = 250 * time.Millisecond
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	x1 := "spiffe://test.portcullis/home/executor/x1"
	intent, other := trust.DigestOf([]byte("intent")), trust.DigestOf([]byte("other"))
	claim, outcome := ledger.Position{Seq: 2}, ledger.Position{Seq: 3}
	type story struct {
		*court
		seen []Effect
	}
	right := func() *story {
		o := &pb.Outcome{
			IntentDigest: intent[:], Claim: claim.Proto(), Executor: x1, Status: pb.Status_STATUS_EXECUTED,
			Started: timestamppb.New(began.Add(10 * time.Millisecond)),
		}
		a := &account{
			records:  []trust.Digest{{}, trust.DigestOf([]byte("noise")), {}, {}},
			times:    []time.Time{{}, began, began, began},
			claims:   map[ledger.Position]*pb.Claim{claim: {IntentDigest: intent[:], Executor: x1}},
			outcomes: map[ledger.Position][]*pb.Outcome{claim: {o}},
			at:       map[ledger.Position]*pb.Outcome{outcome: o},
		}
		w := &World{bounds: Bounds{Start: bound}, load: &load{
			told:  map[trust.Digest]*agent.Outcome{intent: {Intent: intent, At: outcome}},
			acked: []acknowledged{{1, trust.DigestOf([]byte("noise"))}},
		}}
		v := &Verdict{Outcomes: map[pb.Status]int{}, Trips: map[string]int{}}
		return &story{&court{w: w, account: a, verdict: v}, []Effect{{At: began.Add(20 * time.Millisecond), Claim: claim, Intent: intent}}}
	}
	for name, test := range map[string]struct {
		plant func(*story)
		says  string // "" where nothing is wrong
	}{
		"right":                     {func(*story) {}, ""},
		"acted twice":               {func(s *story) { s.seen = append(s.seen, s.seen[0]) }, "acted on twice"},
		"no claim":                  {func(s *story) { delete(s.account.claims, claim) }, "no such claim"},
		"a claim on something else": {func(s *story) { s.account.claims[claim].IntentDigest = other[:] }, "no such claim"},
		"seen late":                 {func(s *story) { s.seen[0].At = began.Add(bound + transit) }, "came 750ms after it"},
		"seen late, frozen":         {func(s *story) { s.seen[0].At, s.expected.Frozen = began.Add(bound+transit), []string{"x1"} }, ""},
		"started late":              {func(s *story) { s.account.at[outcome].Started = timestamppb.New(began.Add(bound + rounding)) }, "started 255ms after it"},
		"started late, by its clock": {func(s *story) {
			s.account.at[outcome].Started, s.expected.Skewed = timestamppb.New(began.Add(time.Hour)), []string{"x1"}
		}, ""},
		"executed, not seen": {func(s *story) { s.seen = nil }, "was it seen? false"},
		"abandoned, seen":    {func(s *story) { s.account.at[outcome].Status = pb.Status_STATUS_ABANDONED }, "was it seen? true"},
		"failed, seen":       {func(s *story) { s.account.at[outcome].Status, s.w.load.told = pb.Status_STATUS_FAILED, nil }, ""},
		"indeterminate, not seen": {func(s *story) {
			s.account.at[outcome].Status, s.w.load.told, s.seen = pb.Status_STATUS_INDETERMINATE, nil, nil
		}, ""},
		"two outcomes": {func(s *story) {
			s.account.outcomes[claim] = append(s.account.outcomes[claim], &pb.Outcome{Status: pb.Status_STATUS_INDETERMINATE})
		}, "2 different outcomes"},
		"told, not there":            {func(s *story) { delete(s.account.at, outcome) }, "told of its execution"},
		"told, another intent":       {func(s *story) { s.w.load.told[other] = &agent.Outcome{Intent: other, At: outcome} }, "told of its execution"},
		"acknowledged, not there":    {func(s *story) { s.w.load.acked[0].seq = 4 }, "acknowledged at 4 is not there"},
		"acknowledged, another":      {func(s *story) { s.account.records[1] = trust.DigestOf([]byte("x")) }, "acknowledged at 1 is not there"},
		"lost, as expected":          {func(s *story) { s.w.load.acked[0].seq, s.expected.Lost = 4, true }, ""},
		"halted before":              {func(s *story) { s.w.halts = []*Halt{{Seq: 3, Acked: began.Add(-bound)}} }, ""},
		"halted long before":         {func(s *story) { s.w.halts = []*Halt{{Seq: 3, Acked: began.Add(-time.Second)}} }, "after the halt at 3"},
		"claim behind a halt":        {func(s *story) { s.w.halts = []*Halt{{Seq: 1, Acked: began}} }, "stands behind the halt"},
		"claim behind a lifted halt": {func(s *story) { s.w.halts = []*Halt{{Seq: 1, Acked: began.Add(-time.Second), lifted: began}} }, ""},
		"lifted too late":            {func(s *story) { s.w.halts = []*Halt{{Seq: 1, Acked: began, lifted: began.Add(time.Second)}} }, "stands behind the halt"},
		"a trip":                     {func(s *story) { s.account.trips = []*pb.Trip{{Rule: "clock.skew"}} }, "tripped over clock.skew"},
		"a trip, as expected": {func(s *story) {
			s.account.trips, s.expected.Trips = []*pb.Trip{{Rule: "clock.skew"}}, []string{"clock.skew"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := right()
			test.plant(s)
			s.effects(s.seen)
			s.outcomes(s.seen)
			s.promises()
			s.halts(s.seen)
			s.trips()
			found := strings.Join(s.wrong, "; ")
			if (test.says == "") != (found == "") || !strings.Contains(found, test.says) {
				t.Errorf("found %q, %q is wanted", found, test.says)
			}
		})
	}
}

func TestTable(t *testing.T) {
	report := &Verdict{
		Records: 90, Effects: 12, Acked: 7, Pause: 4321 * time.Millisecond, Trips: map[string]int{"clock.skew": 2},
		Outcomes: map[pb.Status]int{pb.Status_STATUS_EXECUTED: 10, pb.Status_STATUS_ABANDONED: 2},
		Audit:    new(audit.Report),
	}
	var b strings.Builder
	if err := writeTable(&b, []row{{"kill", "goes on", report}}); err != nil {
		t.Fatal(err)
	}
	want := []string{"kill", "goes on", "4.3s", "12", "2 abandoned", "90", "7", "0", "2 × clock.skew", "0"}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	rest := lines[1]
	for _, word := range want {
		_, after, found := strings.Cut(rest, word)
		if !found {
			t.Errorf("%q lacks %q", lines[1], word)
		}
		rest = after
	}
}
