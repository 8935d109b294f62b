package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// Confirmation is what one executor's heartbeats say of a governance record.
type Confirmation struct {
	ID   trust.Identity
	Beat *pb.Heartbeat // the one that this rests on; nil: nothing was heard since
	// Folded and Settled are the times from the acknowledgement of the record to
	// the heartbeat that told of it: that the executor had folded the record, and
	// that besides what Confirm waits for is so. Negative: not yet.
	Folded, Settled time.Duration
	Heard           time.Time // when the newest heartbeat came
}

// Effective waits until the observer has folded a record of one's own, and makes
// sure that it took effect. Stored is when the broker stored it.
func (o *Observer) Effective(ctx context.Context, s Sent) (stored time.Time, err error) {
	applied := false
	err = o.Until(ctx, func() (bool, error) {
		folded := false
		o.Look(func(f *ledger.Fold) { folded, applied = f.Seq() >= s.Seq, f.Governance().Applied(s.ID) })
		return folded, nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("zone: the record stands at %d; whether it took effect could not be read: %w", s.Seq, err)
	}
	if !applied {
		return time.Time{}, noEffect(s)
	}
	raw, err := o.conn.Get(ctx, s.Seq)
	return raw.Time, err
}

// Confirm waits until every executor that serves something in scope has folded a
// record and is settled, or ctx ends, and returns how far each came, by name.
// News is called when an executor folds the record, and when it settles.
func (o *Observer) Confirm(ctx context.Context, s Sent, scope *pb.Scope, settled func(*pb.Heartbeat) bool, news func(Confirmation) error) ([]Confirmation, error) {
	c := &confirming{sent: s, settled: settled, news: news}
	err := o.Until(ctx, func() (bool, error) {
		if c.all == nil {
			c.expect(o.Executors(scope))
		}
		return c.look(o.counting(o.Beats()))
	})
	if c.all != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = nil // how far they came is the answer
	}
	return c.all, err
}

// counting leaves out the heartbeats of whom what they sign does not count: whoever
// has a revoked key must not confirm in its owner's name.
func (o *Observer) counting(beats []heartbeat.Seen) []heartbeat.Seen {
	o.Look(func(f *ledger.Fold) {
		beats = slices.DeleteFunc(beats, func(s heartbeat.Seen) bool { return o.fault(f, s.From) != "" })
	})
	return beats
}

// Executors lists the executors of the directory that serve something in scope.
func (o *Observer) Executors(scope *pb.Scope) (ids []trust.Identity) {
	o.Look(func(f *ledger.Fold) { ids = serving(f.Governance(), scope) })
	return ids
}

// serving leaves out executors that were revoked: no claim of theirs is valid.
func serving(gov *governance.State, scope *pb.Scope) (ids []trust.Identity) {
	if gov.Release() == nil {
		return nil // there is no directory, and nothing starts
	}
	for _, entry := range gov.Release().Proto.GetDirectory() {
		serves := len(entry.GetTools()) > 0
		if scope.GetKind() == pb.ScopeKind_SCOPE_KIND_TOOL {
			serves = slices.Contains(entry.GetTools(), scope.GetValue())
		}
		id := trust.Identity{TrustDomain: gov.TrustDomain(), Zone: gov.Zone(), Role: entry.GetRole(), Name: entry.GetName()}
		if entry.GetRole() == pb.Role_ROLE_EXECUTOR && serves && !gov.RevokedID(id.String()) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIdentities)
	return ids
}

// Quiescent reports whether an executor that has folded a halt runs nothing any
// more that a halt covers.
func Quiescent(beat *pb.Heartbeat) bool { return beat.GetHaltedRunning() == 0 }

// Armed reports whether an executor says that it would act.
func Armed(beat *pb.Heartbeat) bool { return beat.GetStarted() && beat.GetDisarmed() == "" }

// confirming is one Confirm.
type confirming struct {
	sent    Sent
	settled func(*pb.Heartbeat) bool
	news    func(Confirmation) error
	all     []Confirmation
}

func (c *confirming) expect(ids []trust.Identity) {
	c.all = make([]Confirmation, len(ids))
	for i, id := range ids {
		c.all[i] = Confirmation{ID: id, Folded: -1, Settled: -1}
	}
}

// look takes the newest heartbeats in. It is content when all have settled.
func (c *confirming) look(beats []heartbeat.Seen) (content bool, err error) {
	content = true
	for i := range c.all {
		one := &c.all[i]
		j := slices.IndexFunc(beats, func(s heartbeat.Seen) bool { return s.From == one.ID })
		if j >= 0 && one.Settled < 0 && c.take(one, beats[j]) {
			if err := c.news(*one); err != nil {
				return false, err
			}
		}
		content = content && one.Settled >= 0
	}
	return content, nil
}

// take reports whether a heartbeat says something new.
func (c *confirming) take(one *Confirmation, seen heartbeat.Seen) (news bool) {
	folded := seen.Beat.GetPosition() >= c.sent.Seq
	if folded || seen.Received.After(c.sent.Acked) {
		one.Beat, one.Heard = seen.Beat, seen.Received
	}
	if !folded {
		return false
	}
	after := max(seen.Received.Sub(c.sent.Acked), 0) // it may overtake the acknowledgement
	if one.Folded < 0 {
		one.Folded, news = after, true
	}
	if c.settled(seen.Beat) {
		one.Settled, news = after, true
	}
	return news
}
