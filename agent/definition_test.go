package agent

import (
	"bytes"
	"context"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestAnIntentNamesTheDefinition, if there is one, and its digest is told before
// anybody could have read it.
func TestAnIntentNamesTheDefinition(t *testing.T) {
	b, shown := &broker{}, trust.DigestOf([]byte("definition"))
	var told []trust.Digest
	in(t, b, func(t *testing.T, a *Agent) {
		ctx, cancel := context.WithCancel(t.Context())
		for _, definition := range []trust.Digest{{}, shown} {
			r := read
			r.Definition = definition
			r.Proposing = func(intent trust.Digest) {
				if n := len(b.items()); n > len(told) {
					t.Errorf("told of intent %d when %d were stored", len(told), n)
				}
				told = append(told, intent)
			}
			propose(ctx, a, r)
		}
		cancel()
	})
	for i, want := range [][]byte{nil, shown[:]} {
		if !bytes.Equal(b.intent(t, i).GetDefinitionDigest(), want) || trust.DigestOf(b.items()[i]) != told[i] {
			t.Errorf("intent %d: definition %x, digest %s", i, b.intent(t, i).GetDefinitionDigest(), told[i])
		}
	}
}
