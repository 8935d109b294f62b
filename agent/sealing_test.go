package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

func sealingKey(t *testing.T) *trust.SealingKey {
	t.Helper()
	key, err := trust.GenerateSealingKey("k1")
	must(t, err)
	return key
}

// TestSealedArgumentsAreNotInTheIntent, but for whoever has the key; the chain of
// its session goes on as ever.
func TestSealedArgumentsAreNotInTheIntent(t *testing.T) {
	key, b := sealingKey(t), &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		ctx, cancel := context.WithCancel(t.Context())
		for _, arguments := range []string{`{"path":"the-secret-path"}`, ""} {
			r := read
			r.Arguments, r.Seal = json.RawMessage(arguments), key.SealTo()
			propose(ctx, a, r)
		}
		propose(ctx, a, read)
		cancel()
	})
	for i, want := range []string{`{"path":"the-secret-path"}`, "{}"} {
		if bytes.Contains(b.items()[i], []byte("secret")) {
			t.Errorf("intent %d has its arguments in the clear", i)
		}
		got, err := key.Open(ledgerID, b.intent(t, i))
		if err != nil || string(got) != want {
			t.Errorf("intent %d opens as %q, %v, want %q", i, got, err, want)
		}
		digest := trust.DigestOf(b.items()[i])
		if !bytes.Equal(b.intent(t, i+1).GetPrevious(), digest[:]) {
			t.Errorf("intent %d does not continue the session", i+1)
		}
	}
}

func TestWhatCannotBeSealedIsNotSent(t *testing.T) {
	key, b := sealingKey(t), &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		for name, arguments := range map[string]string{"no JSON": `{"a":`, "too large": `{"a":"` + strings.Repeat("x", schemas.MaxIntent) + `"}`} {
			r := read
			r.Arguments, r.Seal = json.RawMessage(arguments), key.SealTo()
			if _, err := a.Propose(t.Context(), r); err == nil {
				t.Errorf("%s: proposed", name)
			}
		}
	})
	if n := len(b.items()); n != 0 {
		t.Errorf("%d intents were stored", n)
	}
}
