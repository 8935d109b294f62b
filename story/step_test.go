package story

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestStepText(t *testing.T) {
	s := Step{Number: "9", Title: "somebody tries something", Check: "at the decision", World: "nothing has changed", Because: "a policy"}
	s.place("intent", ledger.Position{Seq: 7})
	s.place("decision", ledger.Position{Seq: 8, Index: 2})
	s.refused("DENY", []pb.Reason{pb.Reason_REASON_INTENT_FORGED, pb.Reason_REASON_SESSION_GAP}, pb.Reason_REASON_SESSION_GAP)
	want := `9   somebody tries something
    deny      at the decision
    reason    intent.forged, session.gap
    because   a policy
    ledger    intent 7.0, decision 8.2
    world     nothing has changed
`
	if s.String() != want || len(s.Faults) > 0 {
		t.Errorf("%s%v", s, s.Faults)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	const object = `{"step":"9","title":"somebody tries something","result":"DENY","check":"at the decision","reasons":["intent.forged","session.gap"],"because":"a policy","ledger":[{"what":"intent","at":"7.0"},{"what":"decision","at":"8.2"}],"world":"nothing has changed"}`
	if string(data) != object {
		t.Errorf("%s", data)
	}
}

// TestStepFaults: a step that is stopped for another reason, or not at all, is
// not as told.
func TestStepFaults(t *testing.T) {
	tests := map[string]func(*Step){
		"another reason": func(s *Step) {
			s.refused("DENY", []pb.Reason{pb.Reason_REASON_HALTED}, pb.Reason_REASON_INTENT_FORGED)
		},
		"no reason": func(s *Step) { s.refused("ALLOW", nil, pb.Reason_REASON_INTENT_FORGED) },
		"the world": func(s *Step) { s.expect(false, "the bank has %d", 2) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			var s Step
			spoil(&s)
			if len(s.Faults) != 1 || !strings.Contains(s.String(), "NOT AS TOLD: "+s.Faults[0]) {
				t.Errorf("%q: %s", s.Faults, s)
			}
		})
	}
}
