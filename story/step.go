package story

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Step is one step of the story, told. Its JSON form is stable.
type Step struct {
	Number string `json:"step"`  // "1", "5a"
	Title  string `json:"title"` // who tries what

	// Result is EXECUTED, DENY, VOID, NOISE or REFUSED (by the broker).
	Result  string   `json:"result"`
	Check   string   `json:"check"`             // what let it pass, or stopped it
	Reasons []string `json:"reasons,omitempty"` // reason codes of what stopped it
	Because string   `json:"because,omitempty"` // the policy and the condition that failed

	Ledger []Place `json:"ledger,omitempty"` // in ledger order
	World  string  `json:"world"`            // what files and bank show now

	// Faults are what was not as told; a story without any has succeeded.
	Faults []string `json:"faults,omitempty"`

	last uint64 // the furthest sequence in Ledger
}

// Place is where something stands on the ledger.
type Place struct {
	What string `json:"what"`
	At   string `json:"at"` // "sequence.index"
}

func (s *Step) fault(format string, args ...any) {
	s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
}

// expect notes a fault unless ok.
func (s *Step) expect(ok bool, format string, args ...any) {
	if !ok {
		s.fault(format, args...)
	}
}

func (s *Step) place(what string, at ledger.Position) {
	s.Ledger = append(s.Ledger, Place{what, at.String()})
	s.last = max(s.last, at.Seq)
}

// refused notes why it was stopped, and a fault unless want is among the reasons.
func (s *Step) refused(result string, reasons []pb.Reason, want pb.Reason) {
	s.Result = result
	for _, r := range reasons {
		s.Reasons = append(s.Reasons, schemas.ReasonCode(r))
	}
	s.expect(slices.Contains(reasons, want), "the reasons are [%s], and %s is wanted", strings.Join(s.Reasons, " "), schemas.ReasonCode(want))
}

// String is the step as people read it.
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-3s %s\n", s.Number, s.Title)
	fmt.Fprintf(&b, "    %-9s %s\n", strings.ToLower(s.Result), s.Check)
	if len(s.Reasons) > 0 {
		fmt.Fprintf(&b, "    reason    %s\n", strings.Join(s.Reasons, ", "))
	}
	if s.Because != "" {
		fmt.Fprintf(&b, "    because   %s\n", s.Because)
	}
	if len(s.Ledger) > 0 {
		places := make([]string, len(s.Ledger))
		for i, p := range s.Ledger {
			places[i] = p.What + " " + p.At
		}
		fmt.Fprintf(&b, "    ledger    %s\n", strings.Join(places, ", "))
	}
	fmt.Fprintf(&b, "    world     %s\n", s.World)
	for _, f := range s.Faults {
		fmt.Fprintf(&b, "    NOT AS TOLD: %s\n", f)
	}
	return b.String()
}
