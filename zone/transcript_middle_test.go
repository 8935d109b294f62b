package zone_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
)

// TestTellingFromTheMiddle begins to tell at every position. Whoever begins late
// may not know why a claim holds, but never accuses an executor of what it
// cannot know, and knows the governors' names.
func TestTellingFromTheMiddle(t *testing.T) {
	w := &stage{t: t}
	w.play(block{head: strings.Split(`fabric
start e1 s1 x1
introduce scout
intent A scout file-read public/welcome.txt path=public/welcome.txt
await outcome A
intent B scout file-read public/broken.txt path=public/broken.txt
await outcome B
govern halt tool:transfer enough`, "\n")})
	last := w.catchUp()
	for from := uint64(1); from <= last; from++ {
		teller, halts := transcript.NewTeller(), 0
		cfg := feed.Config{
			Conn: w.conns["g1"], Zone: w.fabric.Zone, Ledger: w.fabric.Ledger, Keys: ledger.NewKeys(),
			Logger: slog.New(slog.DiscardHandler), FromSeq: from,
		}
		err := feed.Until(t.Context(), cfg, last, transcript.Prepare, func(f *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
			for _, l := range teller.Tell(f, ev) {
				if l.Noise != nil || l.Outcome != nil && l.Outcome.Rogue || l.Claim != nil && l.Claim.Valid == (from > 1) {
					t.Errorf("from %d: %s", from, l)
				}
				if l.Governance != nil && l.Governance.Record == "halt" {
					halts++
					if l.Who() != "g1" {
						t.Errorf("from %d: %s", from, l)
					}
				}
			}
			return nil
		})
		if err != nil || halts != 1 && from == 1 {
			t.Fatalf("from %d: %d halts, %v", from, halts, err)
		}
	}
}
