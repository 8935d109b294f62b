package executor

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// heartbeats is what the executor says of itself, a few times a second and at
// once when governance has moved.
func (x *Executor) heartbeats(l *loop) heartbeat.Config {
	return heartbeat.Config{
		Conn: x.cfg.Conn, Ledger: x.cfg.Ledger, ID: x.cfg.ID, Key: x.cfg.Key, Incarnation: x.incarnation,
		Build: x.cfg.Build, Settings: x.cfg.Settings, Logger: x.cfg.Logger, Read: l.heartbeat, Now: x.now,
	}
}

// beatNow makes the next heartbeat come at once.
func (x *Executor) beatNow() {
	select {
	case x.now <- struct{}{}:
	default:
	}
}

// heartbeat is nil before the executor has read a release.
func (l *loop) heartbeat() (*pb.Heartbeat, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fold == nil || l.fold.Governance().Release() == nil {
		return nil, 0
	}
	gov := l.fold.Governance()
	release := gov.Release()
	return &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: l.fold.Seq(),
		Started: l.x.health.Started(), Disarmed: l.disarmed(),
		Running: uint32(len(l.running)), HaltedRunning: l.haltedRunning(), LastStart: l.x.lastStart.Load(), //nolint:gosec // at most MaxConcurrent
	}, release.Bounds.HeartbeatInterval
}

// haltedRunning counts the actions under way that must end: what a halt in
// force, a revocation or the brake reaches.
func (l *loop) haltedRunning() (n uint32) {
	braked := l.x.braked() != ""
	for _, r := range l.running {
		if braked || l.reached(r) {
			n++
		}
	}
	return n
}

// reached reports whether a halt, a trip or a revocation in force reaches an
// action.
func (l *loop) reached(r *running) bool {
	gov := l.fold.Governance()
	_, halted := gov.Halted(governance.Target{Zone: gov.Zone(), Tool: r.tool, Agent: r.agent, Session: r.session})
	return halted || gov.RevokedID(r.agent) || gov.Revoked(l.x.cfg.Key.ID(), l.x.cfg.ID.String())
}

// startOf is the record of a start that heartbeats carry.
func startOf(claim ledger.Position, at time.Time) *pb.Start {
	return &pb.Start{Claim: claim.Proto(), At: timestamppb.New(at)}
}
