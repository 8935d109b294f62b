package governance

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestDriftRules: a rule that no sentinel could apply as it is meant voids the
// release, instead of silently not running.
func TestDriftRules(t *testing.T) {
	for name, tc := range map[string]struct {
		rules []*pb.DriftRule
		holds bool
	}{
		"misspelt":        {[]*pb.DriftRule{{Rule: "heartbeat.mising"}}, false},
		"twice":           {[]*pb.DriftRule{{Rule: "clock.skew"}, {Rule: "clock.skew", WarnOnly: true}}, false},
		"wrong unit":      {[]*pb.DriftRule{{Rule: "clock.skew", Intervals: 3}}, false},
		"no duration":     {[]*pb.DriftRule{{Rule: "heartbeat.missing", Threshold: durationpb.New(time.Second)}}, false},
		"negative":        {[]*pb.DriftRule{{Rule: "claim.stuck", Threshold: durationpb.New(-time.Second)}}, false},
		"too narrow":      {[]*pb.DriftRule{{Rule: "checkpoint.fork", Scope: pb.DriftScope_DRIFT_SCOPE_TOOL}}, false},
		"no agent's":      {[]*pb.DriftRule{{Rule: "heartbeat.missing", Scope: pb.DriftScope_DRIFT_SCOPE_AGENT}}, false},
		"zone":            {[]*pb.DriftRule{{Rule: "checkpoint.fork", Scope: pb.DriftScope_DRIFT_SCOPE_ZONE}}, true},
		"narrow":          {[]*pb.DriftRule{{Rule: "outcome.rogue", Scope: pb.DriftScope_DRIFT_SCOPE_AGENT}}, true},
		"with thresholds": {[]*pb.DriftRule{{Rule: "heartbeat.missing", Intervals: 3}, {Rule: "claim.stuck", Threshold: durationpb.New(time.Second)}}, true},
	} {
		_, err := NewRelease(trust.Digest{1}, trusttest.Release(func(p *pb.Release) { p.Drift = tc.rules }))
		if (err == nil) != tc.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, info := range schemas.DriftRules() { // each can be listed as it is
		if _, err := NewRelease(trust.Digest{1}, trusttest.Release(func(p *pb.Release) { p.Drift = []*pb.DriftRule{{Rule: info.Name}} })); err != nil {
			t.Error(err)
		}
	}
}
