package executor

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// rank is this executor's turn for an intent among those that serve its tool:
// rendezvous hashing, so that each intent has its own order, known to all
// without a word. -1 if the executor is not among them.
func rank(intent trust.Digest, self string, executors []string) int {
	type bid struct {
		name  string
		score trust.Digest
	}
	bids := make([]bid, 0, len(executors))
	for _, name := range executors {
		bids = append(bids, bid{name, trust.DigestOf(append(intent[:], name...))})
	}
	slices.SortFunc(bids, func(a, b bid) int {
		return cmp.Or(bytes.Compare(a.score[:], b.score[:]), cmp.Compare(a.name, b.name))
	})
	return slices.IndexFunc(bids, func(b bid) bool { return b.name == self })
}
