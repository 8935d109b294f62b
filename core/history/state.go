package history

import (
	"strings"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// State is what became of an intent, as far as the history goes.
type State string

// The states. The first four are not final; the others are the final states of
// an audit.
const (
	StateOpen          State = "open"    // no quorum has decided it yet
	StateWaiting       State = "waiting" // for approvals
	StateAllowed       State = "allowed" // and no claim on it is valid yet
	StateClaimed       State = "claimed" // validly, and no outcome is there yet
	StateExecuted      State = "executed"
	StateFailed        State = "failed"
	StateInterrupted   State = "interrupted"
	StateAbandoned     State = "abandoned"
	StateIndeterminate State = "indeterminate"
	StateDenied        State = "denied"
	StateEvaluated     State = "evaluated" // allowed, and asked for a decision only
	StateVoid          State = "void"      // allowed, and every claim on it was void
	StateExpired       State = "expired"   // no quorum, or no claim, before its deadline
)

// States lists all states, in the order in which people want them.
func States() []State {
	return []State{
		StateOpen, StateWaiting, StateAllowed, StateClaimed, StateExecuted, StateFailed, StateInterrupted, StateAbandoned,
		StateIndeterminate, StateDenied, StateEvaluated, StateVoid, StateExpired,
	}
}

// Final reports whether nothing more can become of the intent.
func (s State) Final() bool {
	switch s {
	case StateOpen, StateWaiting, StateAllowed, StateClaimed:
		return false
	case StateExecuted, StateFailed, StateInterrupted, StateAbandoned, StateIndeterminate, StateDenied, StateEvaluated, StateVoid, StateExpired:
		return true
	default:
		return false
	}
}

// outcomeStates are the states that outcomes report.
var outcomeStates = map[pb.Status]State{
	pb.Status_STATUS_EXECUTED: StateExecuted, pb.Status_STATUS_FAILED: StateFailed, pb.Status_STATUS_INTERRUPTED: StateInterrupted,
	pb.Status_STATUS_ABANDONED: StateAbandoned, pb.Status_STATUS_INDETERMINATE: StateIndeterminate,
}

// state is what has become of a node by the log time now, in nanoseconds.
func (h *History) state(n *node, now int64) State {
	if o := n.reported(); o != nil {
		return outcomeStates[o.status]
	}
	if n.claimed() != nil {
		return StateClaimed
	}
	newest, over := n.decided(), n.deadline <= now
	switch {
	case newest == nil && over:
		return StateExpired
	case newest == nil:
		return StateOpen
	case !newest.allow && !newest.evaluation && h.pending(newest) && !over:
		return StateWaiting
	case !newest.allow:
		return StateDenied
	case newest.evaluation:
		return StateEvaluated
	case !over:
		return StateAllowed
	case len(n.claims) > 0:
		return StateVoid
	default:
		return StateExpired
	}
}

var pendingCode = schemas.ReasonCode(pb.Reason_REASON_APPROVAL_PENDING)

// pending reports whether a denial says that approvals are missing, and nothing
// else.
func (h *History) pending(d *decision) bool { return h.grounds.at(d.ground).reasons == pendingCode }

// reasonCodes takes joined codes apart.
func reasonCodes(joined string) []string { return strings.Fields(joined) }
