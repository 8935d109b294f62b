package auditor

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// found runs with mu held, within step.
func (a *Auditor) found(d audit.Finding) {
	a.cfg.Logger.Error("audit", "rule", string(d.Rule), "position", d.Position, "subject", d.Subject, "detail", d.Detail)
	now := *a.status.Load()
	now.Findings++
	now.Newest = string(d.Rule) + " at " + d.Position + ": " + d.Detail
	a.status.Store(&now)
	if len(a.open) < maxOpen {
		a.open = append(a.open, d)
	}
	select {
	case a.now <- struct{}{}:
	default:
	}
}

// settle forgets what stands before a resume: whoever resumed knew of it.
func (a *Auditor) settle() {
	resumed := a.fold.Governance().Resumed()
	a.open = slices.DeleteFunc(a.open, func(d audit.Finding) bool {
		p, err := ledger.ParsePosition(d.Position)
		return err == nil && p.Seq < resumed
	})
}

// heartbeat is what the auditor says of itself; nil before it has read a release.
func (a *Auditor) heartbeat() (*pb.Heartbeat, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fold == nil || a.fold.Governance().Release() == nil {
		return nil, 0
	}
	gov := a.fold.Governance()
	release := gov.Release()
	return &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: a.fold.Seq(),
		Started: a.health.Started(), Disarmed: a.health.Fault(release.Proto.GetDurability()), Findings: proclaimed(a.open),
	}, release.Bounds.HeartbeatInterval
}

const maxDetail = 512 // characters; a heartbeat has a bound of its own

// proclaimed is what a heartbeat says of findings.
func proclaimed(open []audit.Finding) []*pb.Finding {
	all := make([]*pb.Finding, 0, len(open))
	for _, d := range open {
		detail := []rune(d.Detail)
		subject := d.Position
		if subject == "" {
			subject = "the ledger"
		}
		all = append(all, &pb.Finding{
			Rule: string(d.Rule), Level: pb.Level_LEVEL_TRIP, Subject: subject, Detail: string(detail[:min(len(detail), maxDetail)]), Since: timestamppb.New(d.LogTime),
		})
	}
	return all
}
