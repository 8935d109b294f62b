package zone_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/transcript"
)

// TestExecutorsRace lets two executors bid for each intent at once: the delay of
// the second is next to nothing. Who wins is chance; that exactly one acts is not
// (S2).
func TestExecutorsRace(t *testing.T) {
	const n = 40
	w := &stage{t: t}
	w.play(block{head: strings.Split("fabric executors=2 hedge=1ns\nstart e1 s1 x1 x2\nintroduce scout", "\n")})
	for i := range n {
		w.intent([]string{fmt.Sprint("I", i), "scout", "file-read", "public/welcome.txt", "path=public/welcome.txt"})
	}
	for i := range n {
		w.await([]string{"outcome", fmt.Sprint("I", i)})
	}
	w.stop([]string{"x1", "x2"}) // whoever bids late has done so by now
	w.catchUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	acts := map[trust.Digest]int{}
	for _, a := range w.acts {
		acts[a.action.Digest]++
	}
	lost := 0
	for i := range n {
		digest := w.intents[fmt.Sprint("I", i)].digest
		valid := 0
		for _, l := range w.about("claim", digest) {
			switch {
			case l.Claim.Valid:
				valid++
			case l.Claim.Void == "claim.second":
				lost++
			default:
				t.Errorf("%s", l)
			}
		}
		outcomes := w.about("outcome", digest)
		if valid != 1 || acts[digest] != 1 || len(outcomes) != 1 || !executed(outcomes[0]) {
			t.Errorf("intent %d: %d valid claims, %d acts, outcomes %v", i, valid, acts[digest], outcomes)
		}
	}
	t.Logf("%d of %d claims came second", lost, lost+n)
}

func executed(l transcript.Line) bool { return l.Outcome.Status == "EXECUTED" && !l.Outcome.Rogue }
