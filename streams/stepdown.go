package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrNobodyElse reports a stream that no other server could lead: it stands on one
// server, or those that keep a copy take no part now.
var ErrNobodyElse = errors.New("streams: no other server could lead")

// Handover says who led a stream and who leads it now, by server name. They are equal
// if nothing had to change.
type Handover struct{ From, To string }

// StepDown has a stream's leader hand over to another of its servers, and waits until
// one leads. With only set, a leader of another name stays. It needs an operator's key:
// participants have no right to it. It asks once; until ctx ends it waits for the
// answer that counts, which is that another server leads.
//
// Nothing is lost by it, whenever it comes: what was not acknowledged by then may or may
// not be stored, as ever (ErrUnknown).
func (c *Conn) StepDown(ctx context.Context, s Stream, only string) (Handover, error) {
	fail := func(err error) (Handover, error) {
		return Handover{}, fmt.Errorf("streams: stepping down of %s: %w", s.Name(c.cfg.Zone), err)
	}
	if !s.valid() || c.cfg.Zone == "" {
		return Handover{}, errors.New("streams: stepping down: name a zone and one of its streams")
	}
	before, err := c.leadsWithOthers(ctx, s, only)
	switch {
	case err != nil:
		return fail(err)
	case only != "" && before.leader != only:
		return Handover{before.leader, before.leader}, nil
	}
	if err := c.askToStepDown(ctx, s); err != nil {
		return fail(err)
	}
	for {
		now, err := c.leads(ctx, s)
		if err != nil {
			return fail(fmt.Errorf("%s was asked to: %w", before.leader, err))
		}
		if now.leader != before.leader {
			return Handover{before.leader, now.leader}, nil
		}
		if err := pause(ctx, c, retryWait, fmt.Errorf("%s still leads", before.leader)); err != nil {
			return fail(err)
		}
	}
}

// leadsWithOthers is who leads a stream, with another server that could, or without
// need of one. A leader that was just elected has not heard of the others yet, so it
// gets a moment.
func (c *Conn) leadsWithOthers(ctx context.Context, s Stream, only string) (standing, error) {
	for begun := time.Now(); ; {
		said, err := c.leads(ctx, s)
		if err != nil || said.successor() || only != "" && said.leader != only {
			return said, err
		}
		nobody := fmt.Errorf("%w than %s; start another that keeps a copy first", ErrNobodyElse, said.leader)
		if len(said.replicas) == 0 || time.Since(begun) > silence {
			return said, nobody
		}
		if err := pause(ctx, c, retryWait, nobody); err != nil {
			return said, err
		}
	}
}

// leads is who leads a stream, as an operator asks it.
func (c *Conn) leads(ctx context.Context, s Stream) (standing, error) {
	return persist(ctx, c, func(ctx context.Context) (standing, error) { return c.standingAt(ctx, s, s.leaderInfo(c.cfg.Zone)) })
}

// successor reports whether another server could lead.
func (s standing) successor() bool {
	for _, r := range s.replicas {
		if r.takesPart() {
			return true
		}
	}
	return false
}

// askToStepDown asks the leader once. That no answer comes proves nothing: it may go
// with the office.
func (c *Conn) askToStepDown(ctx context.Context, s Stream) error {
	wait, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	m, err := c.nc.RequestWithContext(wait, s.stepDown(c.cfg.Zone), nil)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
		return nil
	case err != nil:
		return c.closedOr(err)
	}
	return stepDownRefused(m.Data)
}

// stepDownRefused reads the answer to the wish that a leader hand over: nil if it says
// that it does.
func stepDownRefused(answer []byte) error {
	var a struct {
		Success bool `json:"success"`
		Error   *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("the broker's answer is not JSON: %w", err)
	}
	switch {
	case a.Error != nil:
		return errors.New("the broker refuses: " + a.Error.Description)
	case !a.Success:
		return errors.New("the broker does not say that it does")
	default:
		return nil
	}
}
