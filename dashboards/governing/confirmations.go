package governing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// confirmWithin is how long executors may take to confirm a record before they are
// called silent.
const confirmWithin = 15 * time.Second

// confirmations streams how the executors in scope confirm a record: "stands" when it
// took effect where it stands, "executor" with each news, "done" with who stayed
// silent; or "void" if it took no effect, and "unknown" when nothing can be told.
func (g *Governing) confirmations(w http.ResponseWriter, r *http.Request) error {
	position, err := strconv.ParseUint(r.PathValue("position"), 10, 64)
	if err != nil || position == 0 {
		return surface.Asked("a position is a number from 1", "give that of a halt or a resume")
	}
	from, done, err := g.reading.use(r.Context())
	if err != nil {
		return err
	}
	defer done()
	c, err := g.confirming(r.Context(), from, position)
	if err != nil {
		return err
	}
	if c.out, err = surface.OpenStream(w); err != nil {
		return err
	}
	if err := c.run(r.Context()); err != nil {
		return c.out.Send("unknown", object{"why": err.Error()})
	}
	return nil
}

// confirming is one record that is waited for.
type confirming struct {
	observer *zone.Observer
	out      *surface.Stream
	sent     zone.Sent
	here     bool // it was handed in here: times are since its acknowledgement, else since it was stored
	resume   bool
	drill    bool
	scope    *pb.Scope
}

// confirming reads which record stands at a position.
func (g *Governing) confirming(ctx context.Context, from reading, position uint64) (*confirming, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	raw, err := from.conn.Get(ctx, position)
	if err != nil {
		return nil, unable(ctx, err)
	}
	s, err := g.readRecord(raw.Data)
	if err != nil {
		return nil, err
	}
	c := &confirming{
		observer: from.observer, resume: s.record.GetResume() != nil, scope: s.record.GetHalt().GetScope(),
		sent: zone.Sent{Seq: position, ID: trust.DigestOf(s.envelope.Payload), Acked: g.acked(position)},
	}
	if c.resume {
		c.scope = everything
	}
	c.drill = c.scope.GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL
	if c.here = !c.sent.Acked.IsZero(); !c.here {
		c.sent.Acked = raw.Time
	}
	return c, nil
}

// run tells it all; the error is why nothing more can be told.
func (c *confirming) run(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	stored, err := c.observer.Effective(within, c.sent)
	if errors.Is(err, zone.ErrNoEffect) {
		return c.out.Send("void", object{"position": c.sent.Seq, "why": err.Error()})
	}
	if err != nil {
		return err
	}
	names := []string{}
	for _, id := range c.observer.Executors(c.scope) {
		names = append(names, id.Name)
	}
	bound := c.bound()
	if err := c.out.Send("stands", object{
		"position": c.sent.Seq, "id": c.sent.ID.String(), "stored": stamp(stored), "scope": governance.ScopeString(c.scope), "drill": c.drill,
		"resume": c.resume, "bound_ms": millis(bound), "executors": names, "since_acknowledged": c.here,
	}); err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, confirmWithin)
	defer stop()
	settled := zone.Quiescent
	if c.resume {
		settled = zone.Armed
	}
	all, err := c.observer.Confirm(waiting, c.sent, c.scope, settled, func(one zone.Confirmation) error { return c.tell(one, stored) })
	if err != nil {
		return err
	}
	return c.out.Send("done", c.closing(all, bound))
}

func (c *confirming) bound() time.Duration {
	if release := c.observer.Release(); release != nil {
		return release.Bounds.Start
	}
	return 0
}

// tell tells how far one executor is. Times are from the acknowledgement to when the
// heartbeat came that says so.
func (c *confirming) tell(one zone.Confirmation, stored time.Time) error {
	told := object{
		"executor": one.ID.Name, "folded_ms": millis(one.Folded), "position": one.Beat.GetPosition(), "running": one.Beat.GetRunning(),
		"halted_running": one.Beat.GetHaltedRunning(), "settled": one.Settled >= 0, "disarmed": one.Beat.GetDisarmed(),
	}
	if one.Settled >= 0 {
		told["settled_ms"] = millis(one.Settled)
	}
	if start := one.Beat.GetLastStart(); start != nil {
		told["last_start"] = object{"claim": ledger.PositionOf(start.GetClaim()).String(), "before_ms": millis(stored.Sub(start.GetAt().AsTime()))}
	}
	return c.out.Send("executor", told)
}

// closing names who has not confirmed, and what is known of each.
func (c *confirming) closing(all []zone.Confirmation, bound time.Duration) object {
	silent, last := []object{}, time.Duration(0)
	for _, one := range all {
		if last = max(last, one.Settled); one.Settled < 0 {
			silent = append(silent, object{"executor": one.ID.Name, "why": c.missing(one, bound)})
		}
	}
	return object{"settled": len(silent) == 0, "after_ms": millis(last), "bound_ms": millis(bound), "executors": len(all), "unconfirmed": silent}
}

func (c *confirming) missing(one zone.Confirmation, bound time.Duration) string {
	limit := fmt.Sprintf("it cannot start anything in scope later than %s after the halt: a claim behind it is void", bound)
	if c.resume {
		limit = "it starts nothing before it is armed"
	}
	if c.drill {
		limit = "a drill stops nothing"
	}
	switch {
	case one.Folded >= 0 && c.resume:
		return "not armed: " + one.Beat.GetDisarmed()
	case one.Folded >= 0:
		return fmt.Sprintf("%d actions in scope still run, and were told to stop; it starts nothing new in scope", one.Beat.GetHaltedRunning())
	case one.Beat != nil:
		return fmt.Sprintf("behind: folded to %d only; %s", one.Beat.GetPosition(), limit)
	default:
		return "silent; " + limit
	}
}
