package verdict_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func count(key pb.LimitKey, most int64, window time.Duration, tools ...string) *pb.Limit {
	return &pb.Limit{Id: "count", Tools: tools, Key: key, Max: most, Window: durationpb.New(window)}
}

func sum(key pb.LimitKey, most int64, window time.Duration) *pb.Limit {
	return &pb.Limit{Id: "sum", Tools: []string{"pay"}, Key: key, Argument: "amount", Max: most, Window: durationpb.New(window)}
}

// TestLimitKeys: whom a limit counts together.
func TestLimitKeys(t *testing.T) {
	w := newWorld(t)
	type ask struct {
		who     string
		session string
		tool    string
		denied  bool
	}
	for _, test := range []struct {
		name  string
		limit *pb.Limit
		asks  []ask
	}{
		{"agent, all tools", count(pb.LimitKey_LIMIT_KEY_AGENT, 2, time.Minute), []ask{
			{"alice", "s", "read", false}, {"alice", "r", "pay", false}, {"alice", "q", "read", true}, {"bob", "s", "read", false},
		}},
		{"agent, one tool", count(pb.LimitKey_LIMIT_KEY_AGENT, 1, time.Minute, "pay"), []ask{
			{"alice", "s", "read", false}, {"alice", "s", "pay", false}, {"alice", "s", "read", false}, {"alice", "s", "pay", true},
		}},
		{"tool", count(pb.LimitKey_LIMIT_KEY_TOOL, 1, time.Minute), []ask{
			{"alice", "s", "read", false}, {"bob", "s", "read", true}, {"bob", "s", "pay", false}, {"alice", "s", "pay", true},
		}},
		{"session", count(pb.LimitKey_LIMIT_KEY_SESSION, 1, time.Minute), []ask{
			{"alice", "s", "read", false}, {"alice", "s", "pay", true}, {"alice", "r", "read", false}, {"bob", "s", "read", false},
		}},
		{"sum by tool", sum(pb.LimitKey_LIMIT_KEY_TOOL, 10, time.Minute), []ask{
			{"alice", "s", "pay", false}, {"bob", "s", "pay", false}, {"alice", "r", "pay", true}, {"alice", "r", "read", false},
		}},
		{"sum by session", sum(pb.LimitKey_LIMIT_KEY_SESSION, 5, time.Minute), []ask{
			{"alice", "s", "pay", false}, {"alice", "r", "pay", false}, {"alice", "r", "pay", true},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w = newWorld(t, limits(test.limit))
			for i, a := range test.asks {
				mutate := []func(*pb.Intent){session(a.session)}
				if a.tool == "pay" {
					mutate = append(mutate, pay(5))
				}
				who := w.alice
				if a.who == "bob" {
					who = w.bob
				}
				d := w.ask(who, mutate...)
				if denied := slices.Equal(d.GetReasons(), []pb.Reason{limitExceeded}); denied != a.denied || (!denied && len(d.GetReasons()) > 0) {
					t.Errorf("ask %d: %v, want denied: %v", i, d.GetReasons(), a.denied)
				}
			}
		})
	}
}

// TestAnEvaluationTakesNothing: it is judged by what others have taken, and its
// decision says that it asked for no more.
func TestAnEvaluationTakesNothing(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Minute)))
	only := func(in *pb.Intent) { in.Evaluation = true }
	for range 3 {
		d := w.ask(w.alice, pay(8), only)
		wantReasons(t, d)
		if !d.GetEvaluation() || len(d.GetCharges()) > 0 {
			t.Errorf("%v", d)
		}
	}
	d := w.ask(w.alice, pay(8))
	wantReasons(t, d)
	if d.GetEvaluation() || len(d.GetCharges()) == 0 {
		t.Errorf("an intent to be carried out: %v", d)
	}
	wantReasons(t, w.ask(w.alice, pay(8), only), limitExceeded)
}

// TestWindowSlides: a charge counts until exactly one window after it.
func TestWindowSlides(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Minute)))
	start := w.now
	wantReasons(t, w.ask(w.alice, pay(6)))
	w.now = start.Add(30 * time.Second)
	wantReasons(t, w.ask(w.alice, pay(4)))
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(0)))
	w.now = start.Add(time.Minute - 1)
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded)
	w.now = start.Add(time.Minute)
	wantReasons(t, w.ask(w.alice, pay(7)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(6)))
	w.now = start.Add(90 * time.Second)
	wantReasons(t, w.ask(w.alice, pay(4)))
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded)
}

// TestWindowAsLongAsMemory: a charge that is forgotten before anyone asked again
// is given back once, not twice and not never.
func TestWindowAsLongAsMemory(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Hour)))
	start := w.now
	for i, amount := range []int64{3, 3, 4} {
		w.now = start.Add(time.Duration(i) * 20 * time.Minute)
		wantReasons(t, w.ask(w.alice, pay(amount)))
	}
	w.now = start.Add(time.Hour + 20*time.Minute) // forgets two
	wantReasons(t, w.ask(w.alice, pay(7)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(6)))
	w.now = start.Add(time.Hour + 40*time.Minute) // forgets the third
	wantReasons(t, w.ask(w.alice, pay(5)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(4)))
}

// TestForgottenAfterItLeftTheWindow: a charge leaves the window long before it is
// forgotten; both must count it once.
func TestForgottenAfterItLeftTheWindow(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, 10*time.Minute)))
	start := w.now
	for i := range 2 {
		w.now = start.Add(time.Duration(i) * 20 * time.Minute)
		wantReasons(t, w.ask(w.alice, pay(6)))
	}
	w.now = start.Add(time.Hour) // forgets the first, and the second is out of the window
	wantReasons(t, w.ask(w.alice, pay(11)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(10)))
}

// TestDeniedChargesNothing: what was denied for any reason takes no share.
func TestDeniedChargesNothing(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Minute)))
	wantReasons(t, w.ask(w.alice, pay(10), deadline(w.now)), deadlinePassed)
	wantReasons(t, w.ask(w.alice, pay(11)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(10)))
}

// TestLimitChanges: a new release judges old charges by its own window and
// maximum.
func TestLimitChanges(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, 10*time.Second)))
	wantReasons(t, w.ask(w.alice, pay(10)))
	w.now = w.now.Add(20 * time.Second)
	wantReasons(t, w.ask(w.alice, pay(5)))
	w.release(limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Minute)))
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(0))) // nothing more than what is there already
	w.release(limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 10, time.Second)))
	wantReasons(t, w.ask(w.alice, pay(6)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(5)))
}

// TestSumsDoNotOverflow: near the end of 64 bits a sum denies, and what it holds
// can be given back to the last unit.
func TestSumsDoNotOverflow(t *testing.T) {
	w := newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, math.MaxInt64, time.Minute)))
	wantReasons(t, w.ask(w.alice, pay(math.MaxInt64)))
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded, policyError) // policy holds no usage above 2^62
	wantReasons(t, w.ask(w.alice, pay(math.MaxInt64)), limitExceeded, policyError)
	w.now = w.now.Add(time.Minute)
	wantReasons(t, w.ask(w.alice, pay(1)))

	// A sum beyond 64 bits: windows of a nanosecond let each payment through, and
	// then a window of an hour holds them all.
	w = newWorld(t, limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, math.MaxInt64, 1)))
	start := w.now
	for i, amount := range []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64, 5} {
		w.now = start.Add(time.Duration(i))
		wantReasons(t, w.ask(w.alice, pay(amount)))
	}
	w.release(limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, math.MaxInt64, time.Hour)))
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded, policyError)
	w.now = start.Add(time.Hour + 1)
	wantReasons(t, w.ask(w.alice, pay(1)), limitExceeded, policyError)
	w.now = start.Add(time.Hour + 2) // the last 5 are left
	wantReasons(t, w.ask(w.alice, pay(math.MaxInt64-4)), limitExceeded)
	wantReasons(t, w.ask(w.alice, pay(math.MaxInt64-5)))
}

// TestPolicySeesUsage: every limit of the release, also one that does not count
// the tool that is asked for.
func TestPolicySeesUsage(t *testing.T) {
	w := newWorld(t, limits(count(pb.LimitKey_LIMIT_KEY_AGENT, 100, time.Minute, "read"), sum(pb.LimitKey_LIMIT_KEY_AGENT, 100, time.Minute)),
		policies(permitBoth+`@id("spy") forbid (principal, action == Action::"pay", resource) when { context.usage.count >= 2 };
			@id("rich") forbid (principal, action == Action::"read", resource) when { context.usage.sum == 7 };`))
	wantReasons(t, w.ask(w.alice))
	wantReasons(t, w.ask(w.alice, pay(3)))
	wantReasons(t, w.ask(w.alice))
	wantReasons(t, w.ask(w.alice, pay(4)), policyForbidden)
	wantReasons(t, w.ask(w.bob, pay(7)))
	wantReasons(t, w.ask(w.bob), policyForbidden)
	wantReasons(t, w.ask(w.alice))
}

// TestTooManyLimits: an ALLOW whose charges no decision could hold is none.
func TestTooManyLimits(t *testing.T) {
	many := func(n int) func(*pb.Release) {
		return func(p *pb.Release) {
			for i := range n {
				p.Limits = append(p.Limits, &pb.Limit{Id: fmt.Sprintf("l%02d", i), Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 9, Window: durationpb.New(time.Minute)})
			}
		}
	}
	w := newWorld(t, many(64))
	d := w.ask(w.alice)
	wantReasons(t, d)
	if len(d.GetCharges()) != 64 {
		t.Errorf("%d charges", len(d.GetCharges()))
	}
	w.release(many(65))
	wantReasons(t, w.ask(w.alice), policyInvalid)
	if w.rules.Err == nil || !strings.Contains(w.rules.Err.Error(), "65 limits") {
		t.Errorf("Err is %v", w.rules.Err)
	}
}
