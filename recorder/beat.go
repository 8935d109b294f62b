package recorder

import (
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// heartbeat is what the recorder says of itself; nil before it has read a release.
// While it compares the ledger with what it signed, which takes its time on a long
// ledger, it has not started: it is there, and a sentinel that needs it waits.
func (r *Recorder) heartbeat() (*pb.Heartbeat, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.book
	if b == nil || b.fold == nil || b.fold.Governance().Release() == nil {
		return nil, 0
	}
	gov := b.fold.Governance()
	release := gov.Release()
	beat := &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: b.seq(),
		Started: b.started(), Disarmed: b.fault(),
	}
	if !b.started() {
		return beat, release.Bounds.HeartbeatInterval
	}
	if c := b.pastNow().last(); c.Size > 0 {
		beat.Checkpoint = c.Head()
	}
	if r.signed != nil {
		beat.Cosignatures = uint32(r.signed.cosigned) //nolint:gosec // as many as there are witnesses
	}
	if fork := b.fork(); fork != nil {
		beat.Findings = []*pb.Finding{fork}
	}
	return beat, release.Bounds.HeartbeatInterval
}
