package local

import (
	"fmt"
	"time"
)

// StartWithin is how old a Go may be when the act starts. A client that was frozen
// in between must not start what has been halted since.
const StartWithin = time.Second

// Fresh reports whether the act may start now. It is to be asked right before.
func (g Go) Fresh() error { return fresh(g, bootClock(), time.Now()) }

func fresh(g Go, boot time.Duration, now time.Time) error {
	age := boot - time.Duration(g.Boot)
	switch {
	case boot <= 0 || g.Boot <= 0 || age < 0:
		return fmt.Errorf("local: the permit's age cannot be told: the two ends have different boot clocks")
	case age >= StartWithin:
		return fmt.Errorf("local: the permit came %v ago, and an act must start within %v", age, StartWithin)
	case !now.Before(g.Deadline):
		return fmt.Errorf("local: the permit's deadline %s is over", g.Deadline.UTC().Format(time.RFC3339Nano))
	default:
		return nil
	}
}
