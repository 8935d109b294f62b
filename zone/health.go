package zone

import (
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Health is whether a participant could do its work at the moment in which it was
// asked. The zero value says that it could not.
type Health struct {
	Role     string `json:"role"`
	Name     string `json:"name"`
	Able     bool   `json:"able"`
	Why      string `json:"why"`      // it could not; "" if it could
	Position uint64 `json:"position"` // of the ledger, folded; 0 of a sentinel
}

// HealthPatience is how long a participant may take to show that it is able, from
// the moment in which it is asked. What it shows it by, a record that it reads or a
// pulse that it sends, comes several times a second in a zone that is well.
const HealthPatience = 5 * time.Second

// Health asks a member that runs here whether it could act, within
// HealthPatience.
//
// Nothing is taken from memory alone: the ledger is asked, over the member's own
// connection, whether enough servers keep it and for its newest position, and the
// member must then be seen to fold that; a sentinel must be seen to have a pulse
// acknowledged. One that hangs, has lost the brokers or falls behind is therefore
// not able, whatever it said last.
func (z *Zone) Health(ctx context.Context, role pb.Role, name string) Health {
	h := Health{Role: trust.RoleName(role), Name: name}
	one := z.member(role, name)
	if one == nil {
		h.Why = "it has not been started yet"
		return h
	}
	ctx, cancel := context.WithTimeout(ctx, HealthPatience)
	defer cancel()
	found := make(chan string, 1)
	go func() { found <- one.unable(ctx) }()
	select {
	case h.Why = <-found:
	case <-time.After(HealthPatience + healthGrace/2): // a client that dials a server which is gone answers nobody meanwhile
		h.Why = "its connection to the brokers does not answer; are they reachable?"
	}
	_, h.Position = one.word()
	h.Able = h.Why == ""
	return h
}

func (z *Zone) member(role pb.Role, name string) *member {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.members[trust.Identity{TrustDomain: z.cfg.Fabric.TrustDomain, Zone: z.cfg.Fabric.Zone, Role: role, Name: name}]
}

// unable says why a member could not act; "" if it was seen that it could.
func (m *member) unable(ctx context.Context) string {
	select {
	case <-m.done:
		return "it has ended"
	default:
	}
	if why, _ := m.word(); why != "" {
		return why
	}
	if !m.conn.Connected() {
		return "it is not connected to the broker"
	}
	if why := m.idle(ctx); why != "" {
		return why
	}
	why, _ := m.word() // it may have fallen silent while it was watched
	return why
}

// idle waits until the member has done something that only a member can do whose
// every part works, and says what it has not done when ctx ends.
func (m *member) idle(ctx context.Context) string {
	if m.sentinel != nil {
		before := m.sentinel.Status().Pulses
		return m.seen(ctx, "no pulse of its was acknowledged", func() bool { return m.sentinel.Status().Pulses > before })
	}
	if why := m.unkept(ctx); why != "" {
		return why
	}
	newest, err := m.conn.Last(ctx)
	if err != nil {
		return fmt.Sprintf("the ledger does not answer it: %v", err)
	}
	return m.seen(ctx, fmt.Sprintf("it has not read the ledger to position %d", newest), func() bool {
		_, position := m.word()
		return position >= newest
	})
}

// unkept says why the ledger would acknowledge nothing; "" if enough of the servers
// that keep it take part. One that is cut off from the others still answers reads.
func (m *member) unkept(ctx context.Context) string {
	keep, absent, err := m.conn.Servers(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("the ledger's leader does not answer it: %v", err)
	case 2*len(absent) >= len(keep):
		return fmt.Sprintf("of the %d servers that keep the ledger %d take no part", len(keep), len(absent))
	default:
		return ""
	}
}

// seen waits until something is so; what says what was missed if it is not before
// ctx ends.
func (m *member) seen(ctx context.Context, what string, so func() bool) string {
	for !so() {
		select {
		case <-ctx.Done():
			return what + " within " + HealthPatience.String()
		case <-m.done:
			return "it has ended"
		case <-time.After(readyPoll):
		}
	}
	return ""
}

// word is what a member says of itself: why it would not act, "" if it would, and
// how far it has read.
func (m *member) word() (why string, position uint64) {
	switch {
	case m.enforcer != nil:
		s := m.enforcer.Status()
		if !s.CaughtUp {
			return catchingUp, s.Position
		}
		return s.Disarmed, s.Position
	case m.executor != nil:
		s := m.executor.Status()
		return s.Disarmed, s.Position
	case m.sentinel != nil:
		return m.sentinel.Status().Silent, 0
	case m.recorder != nil:
		s := m.recorder.Status()
		return s.Silent, s.Position
	case m.auditor != nil:
		s := m.auditor.Status()
		if !s.CaughtUp {
			return catchingUp, s.Position
		}
		return "", s.Position
	default:
		return "nobody knows what it is", 0
	}
}

const catchingUp = "it is catching up with the ledger"
