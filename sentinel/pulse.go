package sentinel

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// idle is how often a sentinel that is silent looks whether it may pulse.
const idle = 100 * time.Millisecond

// beat judges the zone and pulses once an interval, and trips in between when
// something happens. A pulse that the ledger does not acknowledge within an
// interval was none.
func (s *Sentinel) beat(ctx context.Context) error {
	var counter uint64
	for {
		interval := s.interval()
		next := time.NewTimer(interval)
		findings := s.watchOver(ctx, interval)
		pulse, why := s.pulse(counter + 1)
		if why == "" {
			counter++
			why = s.send(ctx, pulse, interval)
		}
		s.report(why, findings)
		if why != "" { // it may be over soon
			next.Reset(min(interval, idle))
		}
		if err := s.rest(ctx, next, interval); err != nil {
			return err
		}
	}
}

// rest waits for the next pulse, and sees to what happens meanwhile. When
// governance has moved, the next pulse is due at once: executors are not armed
// before one names their governance head.
func (s *Sentinel) rest(ctx context.Context, next *time.Timer, interval time.Duration) error {
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
			return nil
		case <-s.moved:
			return nil
		case <-s.alarm:
			s.found(s.watchOver(ctx, interval))
		}
	}
}

func (s *Sentinel) interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.eye; e != nil && e.fold != nil && e.fold.Governance().Release() != nil {
		return e.fold.Governance().Release().Bounds.PulseInterval
	}
	return idle
}

// pulse makes the next pulse, or says why there must be none.
func (s *Sentinel) pulse(counter uint64) (*pb.Pulse, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault := s.eye.fault(time.Now()); fault != "" {
		return nil, fault
	}
	if fault := s.eye.untripped(time.Now()); fault != "" {
		return nil, fault
	}
	gov := s.eye.fold.Governance()
	release := gov.Release().Digest
	return &pb.Pulse{
		Ledger: s.cfg.Ledger[:], Sentinel: s.cfg.ID.String(), Incarnation: s.incarnation[:], Counter: counter,
		Head: gov.Head().Proto(), Release: release[:], Clock: timestamppb.Now(), Span: s.eye.span(), Checkpoint: s.eye.seen(),
	}, ""
}

// span is what was read since the last span of this sentinel's on the ledger.
// Spans may overlap; they must leave nothing out, not what happened between two
// starts either.
func (e *eye) span() *pb.Span { return e.fold.Span(e.told + 1) }

func (s *Sentinel) send(ctx context.Context, pulse *pb.Pulse, limit time.Duration) (why string) {
	payload, err := schemas.Marshal(pulse)
	if err != nil {
		return err.Error()
	}
	data, err := trust.Seal(schemas.KindPulse.PayloadType(), payload, s.cfg.Key)
	if err != nil {
		return err.Error()
	}
	s.cfg.Keys.Vouch(data)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := s.cfg.Conn.Append(ctx, schemas.Subject(s.cfg.ID.Zone, schemas.KindPulse, ""), data); err != nil {
		return err.Error()
	}
	return ""
}

// report tells whether the sentinel pulses, and what drifts.
func (s *Sentinel) report(why string, findings []drift.Finding) {
	before := s.Status()
	now := before
	now.Silent = why
	if why == "" {
		now.Pulses++
	}
	s.status.Store(&now)
	switch {
	case before.Silent == why:
	case why == "":
		s.cfg.Logger.Info("pulsing")
	default:
		s.cfg.Logger.Warn("silent", "why", why)
	}
	s.found(findings)
}
