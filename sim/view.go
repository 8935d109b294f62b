package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// view is a node's fold as core/permit sees it, with the mistakes that a flawed
// fold would make.
type view struct {
	node   *node
	pulse  ledger.Pulse // accepted although the fold refused it
	head   error        // what the newest pulse's head alone says against it
	lifted map[trust.Digest]bool
}

func newView(n *node) *view { return &view{node: n, lifted: map[trust.Digest]bool{}} }

// Governance is the fold's.
func (v *view) Governance() *governance.State { return v.node.fold.Governance() }

// LogTime is the fold's.
func (v *view) LogTime() time.Time { return v.node.fold.LogTime() }

// Pulse is the newest pulse, forged and stale ones included if the flaw says so.
func (v *view) Pulse() ledger.Pulse {
	p := v.node.fold.Pulse()
	if v.pulse.Seq > p.Seq {
		p = v.pulse
	}
	switch v.node.w.flaw {
	case PulseFault:
		p.Fault = nil
	case SpanUnchecked:
		p.Fault = v.head
	}
	return p
}

// fold takes what the node's fold refused.
func (v *view) fold(e *entry, rec ledger.Record, noise error) {
	flaw, reason := v.node.w.flaw, schemas.ReasonOf(noise)
	if rec.Pulse != nil {
		v.head = v.Governance().CheckHead(rec.Pulse.GetHead())
	}
	if noise == nil {
		return
	}
	if flaw.is(noiseAccepted, reason) && v.node.parse(e).Kind() == schemas.KindPulse {
		v.pulse = ledger.Pulse{Seq: e.seq, Time: v.LogTime()}
	}
	resume := e.truth.Record.GetResume()
	switch {
	case resume == nil:
	case flaw == ResumeAll && reason == pb.Reason_REASON_NOISE_REPLAY:
		for _, h := range v.Governance().Halts() {
			v.lifted[h.ID] = true
		}
	case flaw == OneGovernor && reason == pb.Reason_REASON_NOISE_THRESHOLD:
		for _, id := range resume.GetHalts() {
			v.lifted[trust.DigestIn(id)] = true
		}
	}
}
