package pdp

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnable is that no answer can be given: what holds now cannot be told. It is not a
// verdict, and nobody may act on it.
var ErrUnable = errors.New("pdp: unable to answer")

// Ask calls ask with the Core at the end of the ledger, which must not be kept. All that
// it decides is from one prefix. Ask must be quick: nothing is read from the ledger
// meanwhile. The error wraps ErrUnable if it was not called.
func (f *Follower) Ask(ask func(*Core)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := f.fault(time.Now()); fault != "" {
		return fmt.Errorf("%w: %s", ErrUnable, fault)
	}
	ask(f.core)
	return nil
}

// fault says why no answer can be given; "" if one can. It is called with mu held.
// A halt is no fault: it is why an answer denies.
func (f *Follower) fault(now time.Time) string {
	if f.ended {
		return "no longer reading the ledger; start again"
	}
	if f.core == nil || f.core.Release() == nil {
		return "no release is in force as far as the ledger was read"
	}
	release := f.core.Release()
	if fault := f.health.Fault(release.Proto.GetDurability()); fault != "" {
		return fault
	}
	if fault := f.skew.Fault(release.Bounds.MaxClockSkew, now); fault != "" {
		return fault
	}
	fold, bounds := f.core.fold, release.Bounds
	pulse := fold.Pulse()
	switch {
	case pulse.Seq == 0:
		return "no pulse was seen; is a sentinel running?"
	case pulse.Fault != nil:
		return fmt.Sprintf("the newest pulse: %v", pulse.Fault)
	case fold.LogTime().Sub(pulse.Time) > bounds.PulseLimit:
		return "the newest pulse is older than pulse_limit; is a sentinel running?"
	case now.Sub(fold.LogTime()) > bounds.PulseLimit+bounds.MaxClockSkew:
		return "the ledger's newest record is too old; is a sentinel running?"
	default:
		return ""
	}
}
