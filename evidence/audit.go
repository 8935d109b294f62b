package evidence

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/inorder"
)

// ErrAnchor reports an audit without an anchor.
var ErrAnchor = errors.New("evidence: an audit needs the digest of genesis from somebody you trust; what an export says of itself proves nothing; give it as the anchor")

// AuditConfig says how to audit. Anchor is required.
type AuditConfig struct {
	Anchor      trust.Digest        // the ledger's genesis, from elsewhere than what is audited
	MaxFindings int                 // that the report lists; 0 means audit.DefaultFindings
	Found       func(audit.Finding) // told of each finding, in order; may be nil
	Progress    func(Progress)      // told now and then; may be nil. It runs in the caller's goroutine
}

// Progress is how far an audit has come.
type Progress struct {
	Bytes   int64
	Records uint64
	LogTime time.Time // of the newest record
}

// What is read ahead of the fold: enough to keep every processor busy, and
// little beside what the audit itself remembers.
var ahead = inorder.Ahead{Items: 4096, Bytes: 64 << 20}

const progressEvery = 256 // records

// Audit judges everything in a source, in memory that its length does not
// change. What is wrong with the ledger, or with the source, is in the report;
// an error says that nothing can be reported: no anchor, the source cannot be
// read, ctx has ended.
func Audit(ctx context.Context, s Source, cfg AuditConfig) (*audit.Report, error) {
	if cfg.Anchor.IsZero() {
		return nil, ErrAnchor
	}
	h := s.Header()
	if cfg.MaxFindings == 0 {
		cfg.MaxFindings = audit.DefaultFindings
	}
	if h.Ledger != cfg.Anchor {
		return strange(h, cfg), nil
	}
	a := &auditing{
		cfg:   cfg,
		audit: audit.New(audit.Config{Ledger: cfg.Anchor, Zone: h.Zone, From: h.First, MaxFindings: cfg.MaxFindings, Found: cfg.Found}),
	}
	err := inorder.Stream(until(ctx, s.Frames()), sizeOf, ahead, a.prepare, a.step)
	broken, isBroken := errors.AsType[*BrokenError](err)
	if err != nil && !isBroken {
		return nil, err
	}
	if cfg.Progress != nil {
		cfg.Progress(a.progress)
	}
	r := a.audit.Finish()
	if isBroken {
		a.broken(r, broken)
	}
	a.compare(r, h)
	return r, nil
}

// strange is the report on something of another ledger than the anchor's.
func strange(h Header, cfg AuditConfig) *audit.Report {
	r := &audit.Report{
		Ledger: cfg.Anchor.String(), Findings: []audit.Finding{},
		Unjudged: []string{"everything behind the header: it was not read"},
	}
	found(r, cfg, audit.Finding{Rule: audit.RuleGenesis, Detail: fmt.Sprintf("it says that it is of ledger %s, and the anchor is %s", h.Ledger, cfg.Anchor)})
	return r
}

// until ends with the context's cause once ctx has ended.
func until(ctx context.Context, frames iter.Seq2[Frame, error]) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for f, err := range frames {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// sizeOf is what a frame holds in memory, in bytes; what it is parsed into has
// about the same size again.
func sizeOf(f Frame) int64 { return int64(len(f.Raw.Data) + len(f.Raw.Subject) + len(f.Note)) }

type auditing struct {
	cfg      AuditConfig
	audit    *audit.Audit
	progress Progress
	records  uint64 // of them, when progress was told
}

// ready is a frame that was looked at by itself.
type ready struct {
	frame  Frame
	record *audit.Prepared // nil for a checkpoint
}

func (a *auditing) prepare(f Frame) ready {
	if f.Kind == FrameCheckpoint {
		return ready{frame: f}
	}
	return ready{f, a.audit.Prepare(f.Raw)}
}

func (a *auditing) step(r ready) error {
	a.progress.Bytes = r.frame.End
	switch r.frame.Kind {
	case FramePrefix:
		a.audit.Prefix(r.record)
		return nil
	case FrameCheckpoint:
		a.audit.Checkpoint(r.frame.Note)
		return nil
	case FrameRecord, FrameHeader, FrameTrailer: // a source yields no header and no trailer
	}
	a.tell(r.frame.Raw.Time)
	if err := a.audit.Step(r.record); err != nil {
		return fmt.Errorf("evidence: judging record %d: %w", r.frame.Raw.Seq, err)
	}
	return nil
}

func (a *auditing) tell(at time.Time) {
	p := &a.progress
	p.Records++
	if at.After(p.LogTime) {
		p.LogTime = at
	}
	if a.cfg.Progress != nil && p.Records-a.records >= progressEvery {
		a.records = p.Records
		a.cfg.Progress(*p)
	}
}

func (a *auditing) broken(r *audit.Report, b *BrokenError) {
	detail := b.Error()
	f := audit.Finding{Rule: audit.RuleExport, LogTime: r.Ended, Detail: detail}
	if r.Last > 0 {
		f.Detail += fmt.Sprintf("; the last record before it is at position %d", r.Last)
	}
	found(r, a.cfg, f)
	r.Unjudged = append(r.Unjudged, "what follows the place where it is broken")
}

// compare holds what the header says against what the records prove.
func (a *auditing) compare(r *audit.Report, h Header) {
	if r.TrustDomain != "" && (r.TrustDomain != h.TrustDomain || r.Zone != h.Zone) {
		found(r, a.cfg, audit.Finding{Rule: audit.RuleExport, Detail: fmt.Sprintf(
			"its header says trust domain %q and zone %q, and genesis says %q and %q", h.TrustDomain, h.Zone, r.TrustDomain, r.Zone)})
	}
}

// found adds a finding to a report that is otherwise done.
func found(r *audit.Report, cfg AuditConfig, f audit.Finding) {
	if cfg.Found != nil {
		cfg.Found(f)
	}
	if len(r.Findings) < cfg.MaxFindings {
		r.Findings = append(r.Findings, f)
	} else {
		r.More++
	}
}
