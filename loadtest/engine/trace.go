package engine

import (
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// trace is what is known of one action on its way. Moments that are not known are zero.
type trace struct {
	load     *recording // that it belongs to; nil until its agent has said so
	intended time.Time
	sent     time.Time
	answered time.Time
	fate     fate

	stored, decided, claimed, started, outcome time.Time
	decisions                                  int
}

// fate is what an agent was told.
type fate struct {
	name  string // of the count, in a result
	ends  stage  // what the ledger holds of it at last: decided or outcome, or nothing that could be waited for
	final bool   // it is an answer
	gap   bool   // the session may lack the intent, so nothing behind it would be allowed
}

// stage is a step of an action that the ledger shows.
type stage int

const (
	nowhere stage = iota
	stored
	decided
	claimed
	outcome
)

// whole reports whether nothing more is to come that is to be counted.
func (t *trace) whole() bool {
	switch {
	case t.load == nil:
		return false
	case t.fate.ends == outcome:
		return !t.outcome.IsZero()
	case t.fate.ends == decided:
		return !t.decided.IsZero()
	default:
		return true
	}
}

// traces joins what agents were told with what the ledger says, by the digest of the intent. Whichever comes first
// waits for the other. Safe for concurrent use.
type traces struct {
	mu  sync.Mutex
	all map[trust.Digest]*trace
	k   int
}

func newTraces(k int) *traces { return &traces{all: make(map[trust.Digest]*trace), k: k} }

// seen notes a stage of the ledger. Of an intent that was not followed from its beginning nothing is noted: its action
// is over, or it is nobody's.
func (t *traces) seen(s stage, intent trust.Digest, at, started time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.all[intent]
	if one == nil {
		if s != stored {
			return
		}
		one = &trace{}
		t.all[intent] = one
	}
	switch s {
	case stored:
		first(&one.stored, at)
	case decided:
		if one.decisions++; one.decisions >= t.k {
			first(&one.decided, at)
		}
	case claimed:
		first(&one.claimed, at)
	case outcome:
		first(&one.outcome, at)
		if !started.IsZero() {
			first(&one.started, started)
		}
	case nowhere:
	}
	t.settle(intent, one)
}

func first(moment *time.Time, at time.Time) {
	if moment.IsZero() {
		*moment = at
	}
}

// answered notes what the agent was told of an intent.
func (t *traces) answered(intent trust.Digest, told trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.all[intent]
	if one == nil {
		one = &trace{}
		t.all[intent] = one
	}
	one.load, one.intended, one.sent, one.answered, one.fate = told.load, told.intended, told.sent, told.answered, told.fate
	t.settle(intent, one)
}

// settle hands a whole trace to its load. It is called with mu held.
func (t *traces) settle(intent trust.Digest, one *trace) {
	if one.whole() {
		delete(t.all, intent)
		one.load.take(one)
	}
}
