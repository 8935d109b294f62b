package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Op is what happens in a step.
type Op uint8

// The steps. A and B choose whom or what; each takes them modulo what there is.
const (
	OpTick     Op = iota // A rounds in which everything that can go on does
	OpWait               // time passes
	OpPropose            // alice, an honest agent, asks for something
	OpMischief           // bob, a hostile one, tries trick A
	OpPoke               // node A reads on, B records at most, and does what is due
	OpLand               // message A in flight is appended; B: acknowledged or not, twice, or refused
	OpRun                // executor A spends the permits that it holds
	OpAnswer             // approvers, entitled or not, answer in way B
	OpPulse              // the sentinel pulses
	OpHalt               // a governor halts scope A
	OpDrill              // a governor drills
	OpResume             // governors lift halts, choice A
	OpRelease            // governors publish a release of kind A
	OpRevoke             // a governor revokes somebody
	OpTrip               // the sentinel trips scope A
	OpCrash              // node A stops at once
	OpStart              // node A starts, after a crash if it was running
	OpPause              // node A freezes for a while; its clocks run on
	OpJump               // node A's wall clock jumps
	OpCut                // node A loses the ledger, or finds it again
	OpCopy               // record A stands on the ledger once more
	OpForge              // forgery A is appended
	OpShow               // the broker shows follower A something else, in way B
	OpSkew               // the broker's clock is off
	OpAmbush             // whatever move A is worst for an executor at this moment
	OpOutage             // no enforcer decides for about as long as they remember
	opCount
)

// Step is one step: time passes, then Op happens.
type Step struct {
	Wait time.Duration // true time
	Op   Op
	A, B uint32
}

func (s Step) String() string {
	return fmt.Sprintf("{%d, %d, %d, %d}", s.Wait, s.Op, s.A, s.B)
}

// weights say how often each step comes. What a Config forbids is drawn and
// does nothing.
var weights = [opCount]int{
	OpTick: 30, OpWait: 2, OpPropose: 20, OpAnswer: 12, OpMischief: 7, OpPoke: 18, OpLand: 14, OpRun: 8, OpPulse: 7,
	OpHalt: 3, OpDrill: 1, OpResume: 6, OpRelease: 1, OpRevoke: 1, OpTrip: 1, OpCrash: 1, OpStart: 3, OpPause: 4, OpJump: 1,
	OpCut: 2, OpCopy: 7, OpForge: 4, OpShow: 4, OpSkew: 2, OpAmbush: 8, OpOutage: 1,
}

// NewSteps draws n steps.
func NewSteps(seed uint64, n int) []Step {
	r := rand.New(rand.NewPCG(seed, 's')) //nolint:gosec // a seed must give the same steps every time
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = Step{Wait: drawWait(r), Op: drawOp(r), A: r.Uint32(), B: r.Uint32()}
	}
	return steps
}

// drawWait is mostly shorter than the start bound, sometimes near it, and now
// and then longer than everything but W.
func drawWait(r *rand.Rand) time.Duration {
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	switch n := r.IntN(100); {
	case n < 75:
		return upTo(30 * time.Millisecond)
	case n < 97:
		return upTo(300 * time.Millisecond)
	default:
		return upTo(3 * time.Second)
	}
}

func drawOp(r *rand.Rand) Op {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := r.IntN(total)
	for op, w := range weights {
		if n < w {
			return Op(op)
		}
		n -= w
	}
	return OpTick
}
