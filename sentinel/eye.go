package sentinel

import (
	"bytes"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// eye is what a sentinel knows from one feed of the ledger and the heartbeats
// that it heard meanwhile. The feed's guard guards it.
type eye struct {
	s       *Sentinel
	health  *feed.Health
	fold    *ledger.Fold // nil before the first record
	watch   *drift.Watch
	skew    feed.Skew
	replica *verdict.Replica // nil unless the release asks for it (replay.mismatch)
	state   mark
	pending map[tripKey]*pending
	trees   trees
	told    uint64 // the last position that a span of this sentinel's covers, of whatever start
}

// mark is the verdict state at a pulse, where enforcers name theirs too.
type mark struct {
	seq    uint64
	digest trust.Digest
}

func newEye(s *Sentinel, replays bool) *eye {
	e := &eye{
		s: s, health: feed.NewHealth(s.cfg.Conn, s.cfg.Logger), pending: make(map[tripKey]*pending),
		watch: drift.NewWatch(drift.Self{ID: s.cfg.ID, Incarnation: s.incarnation}),
	}
	if replays {
		e.replica = verdict.NewReplica(verdict.ReplicaConfig{})
	}
	return e
}

// ahead is what is decoded in parallel, ahead of the fold.
type ahead struct {
	items    drift.Items
	contents []verdict.Content // intents
}

func readAhead(p *ledger.Parsed) ahead {
	a := ahead{items: drift.Read(p)}
	if p.Kind() == schemas.KindIntent {
		for _, item := range p.Items() {
			a.contents = append(a.contents, verdict.Read(item.Bytes))
		}
	}
	return a
}

// step runs with mu held.
func (e *eye) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	e.fold = f
	e.tellTime(ev)
	if ev.Noise == nil {
		return e.record(f, ev)
	}
	return nil
}

func (e *eye) record(f *ledger.Fold, ev feed.Event[ahead]) error {
	if ev.Record.Pulse != nil && ev.Record.Signer.ID == e.s.cfg.ID {
		e.told = max(e.told, ev.Record.Pulse.GetSpan().GetTo())
	}
	e.watch.Record(f, ev.Record, ev.Ahead.items)
	if err := e.replay(f, ev); err != nil {
		return err
	}
	if !e.health.Started() {
		return nil
	}
	if ev.Record.Kind == schemas.KindGovernance {
		ring(e.s.now)
		ring(e.s.moved)
	}
	if e.watch.Alarm() {
		ring(e.s.alarm)
	}
	if release := f.Governance().Release(); release != nil && drift.Replays(release) != (e.replica != nil) {
		return errOtherEye
	}
	return nil
}

// tellTime: a pulse of this sentinel's own tells most about its clock: it was
// stored after it was made, even if it is read much later.
func (e *eye) tellTime(ev feed.Event[ahead]) {
	if p := ev.Record.Pulse; p != nil && bytes.Equal(p.GetIncarnation(), e.s.incarnation[:]) {
		e.skew.StoredSince(ev.Time, p.GetClock().AsTime(), time.Now())
	} else {
		e.skew.Stored(ev.Time, time.Now(), e.health.Live())
	}
}

// replay derives the decisions that a record calls for, for the watch to compare
// with those that enforcers record.
func (e *eye) replay(f *ledger.Fold, ev feed.Event[ahead]) error {
	if e.replica == nil {
		return nil
	}
	derived, err := e.replica.Step(f, ev.Record, ev.Ahead.contents)
	if err != nil {
		return fmt.Errorf("sentinel: %w", err)
	}
	for _, d := range derived {
		e.watch.Derived(f, d.Round, d.Digest)
	}
	e.watch.Blind(f, e.replica.Blind(f))
	if e.watch.Derailed(f) || e.replica.Blind(f) {
		e.state = mark{}
	} else if ev.Record.Kind == schemas.KindPulse {
		state := e.replica.State()
		state.Expire(f.LogTime().UnixNano())
		e.state = mark{f.Seq(), state.Digest()}
	}
	return nil
}

// judges reports whether what it knows is enough to judge the zone by: it has
// read the ledger to its end, and what it signs counts.
func (e *eye) judges() bool {
	return e != nil && e.fold != nil && e.health.Started() && e.fold.Governance().Release() != nil &&
		feed.StandingFault(e.fold, e.s.cfg.Key.ID()) == ""
}

// fault says why there must be no pulse now, drift aside; "" if there may be one.
func (e *eye) fault(now time.Time) string {
	if e == nil || e.fold == nil || e.fold.Governance().Release() == nil {
		return "no release is in force"
	}
	gov := e.fold.Governance()
	release := gov.Release()
	if fault := e.health.Fault(release.Proto.GetDurability()); fault != "" {
		return fault
	}
	if fault := e.skew.Fault(release.Bounds.MaxClockSkew, now); fault != "" {
		return fault
	}
	if fault := feed.StandingFault(e.fold, e.s.cfg.Key.ID()); fault != "" {
		return fault
	}
	// A resume behind such a pulse says that governors know of it.
	if pulse := e.fold.Pulse(); pulse.Fault != nil && pulse.Seq > gov.Resumed() {
		return pulse.Fault.Error()
	}
	return e.watch.Waiting(e.fold, now)
}

// heartbeat is what the sentinel says of itself; nil before it has read a
// release.
func (s *Sentinel) heartbeat() (*pb.Heartbeat, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eye
	if e == nil || e.fold == nil || e.fold.Governance().Release() == nil {
		return nil, 0
	}
	gov := e.fold.Governance()
	release := gov.Release()
	status := s.Status()
	beat := &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: e.fold.Seq(),
		Started: e.health.Started(), Disarmed: status.Silent, Findings: proclaimed(status.Findings),
	}
	if state := e.state; state.seq > 0 { // a copy: the next pulse overwrites the eye's
		beat.StatePosition, beat.StateDigest = state.seq, state.digest[:]
	}
	return beat, release.Bounds.HeartbeatInterval
}
