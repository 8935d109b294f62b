package proof

// Result is what a verification established, step by step. The zero value
// established nothing.
type Result struct {
	Kind   Kind   `json:"kind"`
	Intent string `json:"intent"` // its digest, hexadecimal
	Steps  []Step `json:"steps"`  // in the order in which they rest on each other
	// NotEstablished lists, in sentences, what the file cannot show, whether or not
	// all steps hold.
	NotEstablished []string `json:"not_established"`
}

// StepName names a step, for programs and test vectors.
type StepName string

// The steps. A kind has those that it needs, in this order.
const (
	StepForm       StepName = "form"       // the file is one
	StepAnchor     StepName = "anchor"     // it is of the ledger that the verifier trusts
	StepRecords    StepName = "records"    // every record is authentic where it stands
	StepCheckpoint StepName = "checkpoint" // recorder and witnesses of the release signed it
	StepInclusion  StepName = "inclusion"  // every record stands in its tree
	StepIntent     StepName = "intent"     // the intent is the agent's
	StepDecision   StepName = "decision"   // a quorum decided on exactly its bytes
	StepClaim      StepName = "claim"      // the claim is valid, or void, where it stands
	StepOutcome    StepName = "outcome"    // its executor reported what became of it
	StepDeadline   StepName = "deadline"   // its deadline is behind
	StepHistory    StepName = "history"    // no governance record was left out
)

// Step is one thing that had to be established.
type Step struct {
	Name        StepName `json:"name"`
	What        string   `json:"what"` // a sentence that is true if the step is established
	Established bool     `json:"established"`
	Detail      string   `json:"detail"` // whom and what it rests on, or why it is not established
}

// OK reports whether every step is established.
func (r *Result) OK() bool {
	for _, s := range r.Steps {
		if !s.Established {
			return false
		}
	}
	return len(r.Steps) > 0
}

// Failed is the first step that is not established; "" if all are.
func (r *Result) Failed() StepName {
	for _, s := range r.Steps {
		if !s.Established {
			return s.Name
		}
	}
	return ""
}
