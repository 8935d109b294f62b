package feed

import (
	"context"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/streams"
)

// Longest returns the longest memory (W), max_deadline, pulse_limit and
// max_clock_skew of all releases on a ledger: how far back a follower must begin. What was promised
// under an older release holds for as long as that release said. Other fields
// are zero.
func Longest(ctx context.Context, conn *streams.Conn, zone string, genesis trust.Digest) (governance.Bounds, error) {
	records, err := Rest(ctx, conn, zone, 0)
	if err != nil {
		return governance.Bounds{}, err
	}
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: zone, Keys: keys}, ledger.NewFold(genesis, keys)
	var longest governance.Bounds
	for _, raw := range records {
		if _, err := fold.Step(parser.Parse(raw)); err != nil {
			continue // noise
		}
		if r := fold.Governance().Release(); r != nil {
			longest.Memory = max(longest.Memory, r.Bounds.Memory)
			longest.MaxDeadline = max(longest.MaxDeadline, r.Bounds.MaxDeadline)
			longest.PulseLimit = max(longest.PulseLimit, r.Bounds.PulseLimit)
			longest.MaxClockSkew = max(longest.MaxClockSkew, r.Bounds.MaxClockSkew)
		}
	}
	return longest, nil
}
