package zone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
)

// ErrUnsigned reports a plan that too few governors signed.
var ErrUnsigned = errors.New("zone: too few governors signed")

// Published says where a release stands.
type Published struct {
	Release StandingRelease
	Already bool // it stood there before
}

// Releases reads what the ledger says about releases now.
func (g *Governing) Releases(ctx context.Context) (*Releases, error) {
	return ReadReleases(ctx, g.f, g.conn)
}

// PublishPlan appends a plan that enough governors signed, makes sure that it
// took effect, and keeps it among the fabric's records. What would not take
// effect is refused before anything is appended. It is safe to repeat, after an
// append of unknown outcome too: a plan that is in force is not appended again.
func (g *Governing) PublishPlan(ctx context.Context, p *fabric.Plan) (Published, error) {
	before, err := g.Releases(ctx)
	if err != nil {
		return Published{}, err
	}
	if before.State.Applied(p.ID) {
		return g.published(before, p, true)
	}
	if err := g.check(ctx, before, p); err != nil {
		return Published{}, err
	}
	data, err := p.Bytes()
	if err != nil {
		return Published{}, err
	}
	seq, err := g.conn.Append(ctx, schemas.Subject(g.f.Zone, schemas.KindGovernance, ""), data)
	if errors.Is(err, streams.ErrUnknown) {
		return Published{}, fmt.Errorf("zone: whether release %d stands on the ledger is not known: %w; publish the same file again, which does no harm", p.Version(), err)
	}
	if err != nil {
		return Published{}, fmt.Errorf("zone: appending release %d: %w", p.Version(), err)
	}
	after, err := g.Releases(ctx)
	if err != nil {
		return Published{}, fmt.Errorf("zone: release %d stands at %d; whether it took effect could not be read: %w", p.Version(), seq, err)
	}
	if !after.State.Applied(p.ID) {
		return Published{}, g.whyVoid(ctx, after, p, seq)
	}
	return g.published(after, p, false)
}

// published finds the plan among the releases that took effect, and keeps what
// the folder lacks.
func (g *Governing) published(r *Releases, p *fabric.Plan, already bool) (Published, error) {
	standing, err := r.Version(p.Version())
	if err != nil {
		return Published{}, err
	}
	if _, err := g.f.Keep(r.Envelopes()); err != nil {
		return Published{standing, already}, fmt.Errorf("zone: release %d is in force at %d, and could not be kept in %s: %w", p.Version(), standing.Position, g.f.Dir, err)
	}
	return Published{standing, already}, nil
}

// check refuses a plan that would not take effect if it were appended now. It
// applies the plan to the releases' state, which is good for nothing else then.
func (g *Governing) check(ctx context.Context, r *Releases, p *fabric.Plan) error {
	if err := p.CheckPlace(r.State); err != nil {
		return err
	}
	if err := p.CheckSignatures(r.State); err != nil {
		return err
	}
	if err := CheckVotes(p, r.State); err != nil {
		return err
	}
	at, err := g.LedgerTime(ctx, r)
	if err != nil {
		return err
	}
	if err := p.CheckTime(at, "the ledger"); err != nil {
		return err
	}
	data, err := p.Bytes()
	if err != nil {
		return err
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	if _, err := r.State.Apply(governance.Record{Sequence: r.Last + 1, Time: at, Envelope: env}); err != nil {
		return fmt.Errorf("zone: release %d would not take effect: %w; plan again", p.Version(), err)
	}
	return nil
}

// CheckVotes refuses a plan that too few governors signed, with ErrUnsigned and
// the names of those who have not.
func CheckVotes(p *fabric.Plan, state *governance.State) error {
	old, next := p.Votes(state)
	for _, v := range []struct {
		fabric.Vote
		of string
	}{{old, "in force"}, {next, "that it names"}} {
		if !v.Enough() {
			return fmt.Errorf("%w: of the governors %s, %d signed release %d and %d must; not yet: %s; sign with: portcullis release sign FILE --governor NAME",
				ErrUnsigned, v.of, len(v.Signed), p.Version(), v.Needed, orNobody(v.Missing))
		}
	}
	return nil
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// LedgerTime is what log time would be at a record appended now, as far as that
// can be told: where the newest record's time is far from this machine's clock,
// the ledger may be quiet or one of the clocks wrong, so it waits for a pulse to
// tell; a ledger that stays quiet has the time of this machine's clock, or of
// its newest record if that is later.
func (g *Governing) LedgerTime(ctx context.Context, r *Releases) (time.Time, error) {
	bounds := r.InForce().Bounds
	now := g.f.Clock()
	if now.Sub(r.LogTime).Abs() <= bounds.MaxClockSkew {
		return r.LogTime, nil
	}
	pulse, cancel := context.WithTimeout(ctx, 2*bounds.PulseInterval)
	defer cancel()
	for {
		last, err := g.conn.Last(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("zone: reading the ledger's end: %w", err)
		}
		if last > r.Last {
			raw, err := g.conn.Get(ctx, last)
			if err != nil {
				return time.Time{}, fmt.Errorf("zone: reading the ledger's end: %w", err)
			}
			return later(r.LogTime, raw.Time), nil
		}
		select {
		case <-pulse.Done():
			return later(r.LogTime, now), ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// lookAgain is how often the ledger's end is looked at.
const lookAgain = 50 * time.Millisecond

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// whyVoid says why a record that stands on the ledger took no effect.
func (g *Governing) whyVoid(ctx context.Context, r *Releases, p *fabric.Plan, seq uint64) error {
	why := p.CheckPlace(r.State)
	if raw, err := g.conn.Get(ctx, seq); why == nil && err == nil {
		why = p.CheckTime(raw.Time, "the ledger")
	}
	if why == nil {
		why = fmt.Errorf("the reason is told by: portcullis tail --from %d", seq)
	}
	return fmt.Errorf("%w: release %d stands at %d: %w", ErrNoEffect, p.Version(), seq, why)
}
