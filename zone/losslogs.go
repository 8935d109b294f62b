package zone

import (
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// WitnessLogs says what a witness must follow to cosign this ledger's tree as it
// is now, one entry for each recorder: ORIGIN=KEY,KEY as portcullis witness --log
// takes it. A loss begins a tree with another origin.
func WitnessLogs(state *governance.State) ([]string, error) {
	if state.Release() == nil {
		return nil, nil
	}
	origin := lineage.Origin(state.TrustDomain(), state.Zone(), state.Ledger(), len(state.Losses()))
	var logs []string
	for _, p := range state.Release().Proto.GetDirectory() {
		if p.GetRole() != pb.Role_ROLE_RECORDER || len(p.GetLogKeys()) == 0 {
			continue
		}
		var keys []string
		for _, key := range p.GetLogKeys() {
			text, err := lineage.VerifierKey(origin, key)
			if err != nil {
				return nil, err
			}
			keys = append(keys, text)
		}
		logs = append(logs, origin+"="+strings.Join(keys, ","))
	}
	return logs, nil
}
