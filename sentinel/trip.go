package sentinel

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// tripKey names what one trip is for.
type tripKey struct{ rule, subject, scope string }

// pending is a trip that this sentinel made and has not read back yet. As long
// as nobody knows whether the ledger has it, the same bytes are appended again:
// they can take effect once only.
type pending struct {
	data []byte
	seq  uint64 // where it stands; 0 while that is not known
}

// watchOver judges the zone, appends the trips that are called for, at most for
// as long as a limit, and returns the findings.
func (s *Sentinel) watchOver(ctx context.Context, limit time.Duration) []drift.Finding {
	findings, due := s.judge(time.Now())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, p := range due {
		s.trip(ctx, p)
	}
	return findings
}

// judge says what drifts, and which trips are to be appended now.
func (s *Sentinel) judge(now time.Time) ([]drift.Finding, []*pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.eye.judges() {
		return nil, nil
	}
	findings := s.eye.watch.Findings(s.eye.fold, now)
	return findings, s.eye.due(findings)
}

// due prepares a trip for every finding that calls for one and that no trip in
// force covers, unless it is on its way. What was read back and covers nothing,
// noise or lifted since, is made anew.
func (e *eye) due(findings []drift.Finding) []*pending {
	var due []*pending
	wanted := make(map[tripKey]*pending)
	for _, d := range findings {
		if d.Level != pb.Level_LEVEL_TRIP {
			continue
		}
		for _, scope := range d.Uncovered(e.fold.Governance()) {
			key := tripKey{d.Rule, d.Subject, governance.ScopeString(scope)}
			p := e.pending[key]
			if p == nil || p.seq > 0 && p.seq <= e.fold.Seq() {
				p = e.newTrip(d, scope)
			}
			wanted[key] = p
			if p.seq == 0 && p.data != nil {
				due = append(due, p)
			}
		}
	}
	e.pending = wanted
	return due
}

// newTrip makes a trip. If it cannot be made, there are no data, and the
// sentinel stays silent.
func (e *eye) newTrip(d drift.Finding, scope *pb.Scope) *pending {
	data, err := e.s.sealTrip(&pb.Trip{Rule: d.Rule, Scope: scope, Detail: d.Detail, Subject: d.Subject})
	if err != nil {
		e.s.cfg.Logger.Error("a trip could not be made", "rule", d.Rule, "subject", d.Subject, "err", err)
	}
	return &pending{data: data}
}

func (s *Sentinel) sealTrip(trip *pb.Trip) ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("sentinel: no randomness for a record's id: %w", err)
	}
	payload, err := schemas.Marshal(&pb.Governance{Ledger: s.cfg.Ledger[:], Id: id[:], Record: &pb.Governance_Trip{Trip: trip}})
	if err != nil {
		return nil, err
	}
	return trust.Seal(schemas.KindGovernance.PayloadType(), payload, s.cfg.Key)
}

// trip appends a trip. One that may not have arrived is appended again with the
// next judgement; until it is read back the sentinel is silent.
func (s *Sentinel) trip(ctx context.Context, p *pending) {
	seq, err := s.cfg.Conn.Append(ctx, schemas.Subject(s.cfg.ID.Zone, schemas.KindGovernance, ""), p.data)
	if err != nil {
		s.cfg.Logger.Error("a trip was not appended; the sentinel is silent until it is", "err", err)
		return
	}
	s.mu.Lock()
	p.seq = seq
	s.mu.Unlock()
	now := s.Status()
	now.Trips++
	s.status.Store(&now)
}

// untripped says which finding calls for a trip that is not in force; "" if none
// does.
func (e *eye) untripped(now time.Time) string {
	for _, d := range e.watch.Findings(e.fold, now) {
		if d.Level == pb.Level_LEVEL_TRIP && len(d.Uncovered(e.fold.Governance())) > 0 {
			return fmt.Sprintf("%s: %s drifts, and its trip is not in force yet", d.Rule, d.Subject)
		}
	}
	return ""
}
