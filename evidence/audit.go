package evidence

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/inorder"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrAnchor reports a file that is to be believed without an anchor.
var ErrAnchor = errors.New("evidence: a file is held against the digest of genesis that you have from somebody you trust; what an export says of itself proves nothing; give it as the anchor")

// ErrChanged reports a source that was not the same when it was read again.
var ErrChanged = errors.New("evidence: the records are not those of the first reading: somebody writes where they are read")

// AuditConfig says how to audit. Anchor is required.
type AuditConfig struct {
	Anchor      trust.Digest // the ledger's genesis, from elsewhere than what is audited
	MaxFindings int          // that the report lists; 0 means audit.DefaultFindings
	// AllowRange accepts records that do not begin with genesis, of which less can be
	// judged. Without it they are a finding: whoever rewrites a whole export as a range
	// escapes every comparison of verdicts.
	AllowRange bool
	Progress   func(Progress) // told now and then; may be nil. It runs in the caller's goroutine
}

// RuleRange is the finding that records do not begin with genesis.
const RuleRange audit.Rule = "export.range"

// Progress is how far an audit has come.
type Progress struct {
	Reading int // 1, or 2 where arguments are sealed: see Audit
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
//
// Where arguments are sealed no verdict can be derived, nor for a while behind
// them. A source that can be read again is then read again, with what quorums
// recorded in the place of what cannot be derived: that gives all other verdicts.
func Audit(ctx context.Context, s Source, cfg AuditConfig) (*audit.Report, error) {
	if cfg.Anchor.IsZero() {
		return nil, ErrAnchor
	}
	if cfg.MaxFindings == 0 {
		cfg.MaxFindings = audit.DefaultFindings
	}
	if h := s.Header(); h.Ledger != cfg.Anchor {
		return strange(h, cfg), nil
	}
	r, recorded, err := read(ctx, s, cfg, 1, nil)
	if err != nil || len(recorded) == 0 {
		return r, err
	}
	switch {
	case !s.Repeats():
		r.Unjudged = append(r.Unjudged, "verdicts that may depend on sealed arguments: of a file more of them can be derived than of a stream, which is read once")
		return r, nil
	case r.Tree.Root == "": // the records are not in order: nothing would tell that they are the same again
		return r, nil
	}
	again, _, err := read(ctx, s, cfg, 2, recorded)
	if err == nil && again.Tree.Root != r.Tree.Root {
		return nil, fmt.Errorf("%w; audit a copy", ErrChanged)
	}
	return again, err
}

// read is one reading of a source. Recorded is what an earlier one returned.
func read(ctx context.Context, s Source, cfg AuditConfig, reading int, recorded decisions) (*audit.Report, decisions, error) {
	h := s.Header()
	a := &auditing{
		cfg: cfg, progress: Progress{Reading: reading},
		audit: audit.New(audit.Config{Ledger: cfg.Anchor, Zone: h.Zone, From: h.First, MaxFindings: cfg.MaxFindings, Recorded: recorded}),
	}
	err := inorder.Stream(until(ctx, s.Frames()), sizeOf, ahead, a.prepare, a.step)
	broken, isBroken := errors.AsType[*BrokenError](err)
	if err != nil && !isBroken {
		return nil, nil, err
	}
	if cfg.Progress != nil {
		cfg.Progress(a.progress)
	}
	r := a.audit.Finish()
	if isBroken {
		a.broken(r, broken)
	}
	a.compare(r, h)
	return r, a.audit.Underived(), nil
}

// decisions are those that quorums recorded, by where they were decided.
type decisions = map[ledger.Position]*pb.Decision

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

// compare holds what the header says against what the records prove, and against
// what the caller wants.
func (a *auditing) compare(r *audit.Report, h Header) {
	if r.TrustDomain != "" && (r.TrustDomain != h.TrustDomain || r.Zone != h.Zone) {
		found(r, a.cfg, audit.Finding{Rule: audit.RuleExport, Detail: fmt.Sprintf(
			"its header says trust domain %q and zone %q, and genesis says %q and %q", h.TrustDomain, h.Zone, r.TrustDomain, r.Zone)})
	}
	if !r.Whole && !a.cfg.AllowRange {
		found(r, a.cfg, audit.Finding{Rule: RuleRange, Detail: fmt.Sprintf(
			"the records begin at position %d and not with genesis: no verdict was derived again, and what stands before them was not judged", h.First)})
	}
}

// found adds a finding to a report that is otherwise done.
func found(r *audit.Report, cfg AuditConfig, f audit.Finding) {
	if len(r.Findings) < cfg.MaxFindings {
		r.Findings = append(r.Findings, f)
	} else {
		r.More++
	}
}
