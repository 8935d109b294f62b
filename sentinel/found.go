package sentinel

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/drift"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// maxProclaimed is how many findings a heartbeat holds.
const maxProclaimed = 64

// proclaimed is what a heartbeat says of findings: the worst of them.
func proclaimed(findings []drift.Finding) []*pb.Finding {
	all := make([]*pb.Finding, 0, min(len(findings), maxProclaimed))
	for _, d := range findings[:min(len(findings), maxProclaimed)] {
		all = append(all, &pb.Finding{Rule: d.Rule, Level: d.Level, Subject: d.Subject, Detail: d.Detail, Since: timestamppb.New(d.Since)})
	}
	return all
}

// sameFinding tells findings apart in the log: their details change all the time.
type sameFinding struct {
	rule, subject string
	level         pb.Level
}

// found puts findings into the status, logs those that are new and those that
// are gone, and lets the heartbeat tell at once.
func (s *Sentinel) found(findings []drift.Finding) {
	before := s.Status()
	now := before
	now.Findings = findings
	s.status.Store(&now)
	gone := make(map[sameFinding]bool, len(before.Findings))
	for _, d := range before.Findings {
		gone[sameFinding{d.Rule, d.Subject, d.Level}] = true
	}
	news := false
	for _, d := range findings {
		same := sameFinding{d.Rule, d.Subject, d.Level}
		if gone[same] {
			delete(gone, same)
			continue
		}
		news = true
		s.tell(d)
	}
	for d := range gone {
		s.cfg.Logger.Info("no longer so", "rule", d.rule, "subject", d.subject)
	}
	if news || len(gone) > 0 {
		ring(s.now)
	}
}

func (s *Sentinel) tell(d drift.Finding) {
	if d.Level == pb.Level_LEVEL_TRIP {
		s.cfg.Logger.Error("drift: it trips", "rule", d.Rule, "subject", d.Subject, "detail", d.Detail)
		return
	}
	s.cfg.Logger.Warn("drift", "rule", d.Rule, "subject", d.Subject, "detail", d.Detail)
}
