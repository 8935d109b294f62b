package history

import (
	"errors"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestCycle plants what no ledger can hold: two intents that name each other.
func TestCycle(t *testing.T) {
	h := New(Config{})
	a, b := h.vertex(trust.Digest{1}), h.vertex(trust.Digest{2})
	h.signers.number(signer{})
	h.nodes = []node{{vertex: a, parents: []uint32{b}}, {vertex: b, parents: []uint32{a}}}
	h.vertices[a].ordinal, h.vertices[b].ordinal = 1, 2
	h.vertices[a].children, h.vertices[b].children = []uint32{1}, []uint32{0}
	if _, err := h.Lineage(trust.Digest{1}, Walk{Ancestors: true}); !errors.Is(err, ErrCycle) {
		t.Errorf("%v, want %v", err, ErrCycle)
	}
	h.nodes[1].parents = nil
	if _, err := h.Lineage(trust.Digest{1}, Walk{Ancestors: true}); err != nil {
		t.Errorf("without the cycle: %v", err)
	}
}
