package sim

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// sentinel pulses: only after it has read the ledger to its end, found its
// clock near log time and no fault in history.
type sentinel struct {
	node    *node
	counter uint64
	next    time.Duration // boot clock
	covered uint64        // the last position in a span of its own that stands on the ledger
}

func (s *sentinel) start() uint64 {
	s.counter, s.next, s.covered = 0, 0, 0
	return 1
}

func (*sentinel) caughtUp() {}
func (*sentinel) run()      {}

// step learns from the ledger how far its spans reach: a pulse that was lost, or
// one of an earlier incarnation, must leave no gap.
func (s *sentinel) step(_ *entry, rec ledger.Record, _ error) {
	if rec.Pulse != nil && rec.Signer.ID == s.node.member.ID {
		s.covered = max(s.covered, rec.Pulse.GetSpan().GetTo())
	}
}

func (s *sentinel) wake() {
	if s.node.boot() >= s.next {
		s.pulse()
	}
}

// pulse is what one interval does.
func (s *sentinel) pulse() {
	n := s.node
	if !n.able() || n.cut {
		return
	}
	n.read(math.MaxUint64)
	s.next = n.boot() + pulseInterval
	gov := n.fold.Governance()
	if n.skewed() || n.fold.Pulse().Fault != nil {
		return
	}
	s.counter++
	release := gov.Release().Digest
	p := &pb.Pulse{
		Ledger: n.w.zone.Ledger[:], Sentinel: n.member.SPIFFE(), Incarnation: fmt.Appendf(nil, "s1 start %7d", n.incarnation), Counter: s.counter,
		Head: gov.Head().Proto(), Release: release[:], Clock: timestamppb.New(n.clock()), Span: n.fold.Span(s.covered + 1),
	}
	m := n.w.pulse(n.member, p, fmt.Sprintf("pulse at head %d", gov.Head().Number))
	n.w.send(n, m, nil)
	if n.w.cfg.Prompt {
		n.w.land(len(n.w.flights)-1, acknowledged, false)
	}
}

func (w *World) pulse(by trusttest.Member, p *pb.Pulse, note string) message {
	data := by.Seal(schemas.KindPulse, marshal(p))
	w.keys.Vouch(data)
	return message{schemas.Subject(trusttest.ZoneName, schemas.KindPulse, ""), data, Truth{By: by.ID.Name, Kind: schemas.KindPulse, Pulse: p, Note: note}}
}

// trip is the sentinel's halt of a scope.
func (s *sentinel) trip(scope *pb.Scope) {
	n := s.node
	if !n.able() || n.cut {
		return
	}
	record := trusttest.Trip()
	record.GetTrip().Scope = scope
	n.w.records++
	record.Ledger, record.Id = n.w.zone.Ledger[:], fmt.Appendf(nil, "record %9d", n.w.records)
	data := n.member.Seal(schemas.KindGovernance, marshal(record))
	n.w.send(n, governed(data, record, Truth{By: "s1", Note: "trip of " + scopeText(scope)}), nil)
}
