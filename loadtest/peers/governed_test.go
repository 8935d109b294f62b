package peers

import (
	"errors"
	"testing"
)

// TestGovernedAgrees: what a zone decides, signs and stores is right, for single intents and for lists, on both kinds of sync.
func TestGovernedAgrees(t *testing.T) {
	for _, tt := range []struct {
		name    string
		relaxed bool
		maxList int
	}{{"relaxed, single", true, 1}, {"sync always, lists", false, 0}} {
		c, err := openCourt(t.Context(), t.TempDir(), task(t, 100), tt.relaxed, 16, tt.maxList)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		t.Cleanup(c.shut)
		m, err := c.measure(t.Context(), 16, leastFor)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		signed, err := c.watched.verify()
		if err != nil || signed == 0 || len(m.took) == 0 {
			t.Errorf("%s: %d decisions, %d records verified: %v", tt.name, len(m.took), signed, err)
		}
	}
}

// TestGovernedJudges: a decision that is not what the question wants ends the run, and so does another's signature.
func TestGovernedJudges(t *testing.T) {
	k := task(t, 1)
	k.Questions[0].Allow = !k.Questions[0].Allow
	c, err := openCourt(t.Context(), t.TempDir(), k, true, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.shut)
	if _, err := c.measure(t.Context(), 1, leastFor); !errors.Is(err, errVerdict) {
		t.Errorf("a wrong verdict: %v", err)
	}
	c.watched.mu.Lock()
	for _, env := range c.watched.sampled {
		env.Signatures[0].Sig[0] ^= 1
	}
	c.watched.mu.Unlock()
	if n, err := c.watched.verify(); err == nil {
		t.Errorf("%d records with a broken signature verify", n)
	}
}
