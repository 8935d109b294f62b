package audit

import (
	"encoding/base64"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Config says what is audited. Ledger and Zone are required.
type Config struct {
	Ledger      trust.Digest // of genesis: the anchor; never taken from what is audited
	Zone        string
	From        uint64        // position of the first record; 0 and 1 mean genesis
	MaxFindings int           // see JudgeConfig
	Found       func(Finding) // see JudgeConfig

	Recorded map[ledger.Position]*pb.Decision // see JudgeConfig
}

// Audit reads the raw records of one ledger, in order. Prepare may run
// concurrently; everything else belongs to one goroutine.
type Audit struct {
	cfg    Config
	parser ledger.Parser
	fold   *ledger.Fold
	judge  *Judge
	roots  roots
	next   uint64 // position that must come
	broken bool   // the order was: no tree can be told any more
}

// Prepared is what can be done with a record before those that stand before it.
type Prepared struct {
	parsed *ledger.Parsed
	data   trust.Digest
	ahead  Ahead
}

// New begins an audit.
func New(cfg Config) *Audit {
	cfg.From = max(cfg.From, 1)
	keys := ledger.NewKeys()
	a := &Audit{
		cfg: cfg, parser: ledger.Parser{Zone: cfg.Zone, Keys: keys}, fold: ledger.NewFold(cfg.Ledger, keys), next: cfg.From,
		judge: NewJudge(JudgeConfig{Whole: cfg.From == 1, MaxFindings: cfg.MaxFindings, Found: cfg.Found, Recorded: cfg.Recorded}),
	}
	if cfg.From > 1 {
		a.judge.unjudged("verdicts and the Merkle tree: the records do not begin with genesis")
	}
	return a
}

// Prepare does what needs no other record: it parses, checks the signature where
// the key is known, and decodes. It is safe for concurrent use.
func (a *Audit) Prepare(raw ledger.Raw) *Prepared {
	parsed := a.parser.Parse(raw)
	return &Prepared{parsed: parsed, data: trust.DigestOf(raw.Data), ahead: Read(parsed)}
}

// Prefix folds a governance record or a credential that stands before the first
// record of a range. Nothing about it is judged.
func (a *Audit) Prefix(p *Prepared) {
	if seq := p.parsed.Seq; seq >= a.cfg.From || a.next != a.cfg.From {
		a.find(RuleOrder, seq, "position %d among what stands before the first record, which is at %d", seq, a.cfg.From)
		return
	}
	_, _ = a.fold.Step(p.parsed)
}

// Step judges the next record. A record out of order is a finding and is left
// out; a missing one is a finding, and verdicts are derived no further. The error
// is one of deriving: nothing more can be judged.
func (a *Audit) Step(p *Prepared) error {
	seq := p.parsed.Seq
	switch {
	case seq < a.next:
		a.find(RuleOrder, seq, "position %d again, or out of order, where %d is next", seq, a.next)
		return nil
	case seq > a.next:
		a.find(RuleOrder, a.next, "positions %d to %d are missing", a.next, seq-1)
		a.broken = true
		a.judge.abandon(fmt.Sprintf("verdicts from position %d on, and the Merkle tree: records are missing before it", seq))
	}
	a.next = seq + 1
	return a.step(p)
}

func (a *Audit) step(p *Prepared) error {
	r := a.judge.report
	if r.First == 0 {
		r.First = p.parsed.Seq
	}
	r.Last = p.parsed.Seq
	rec, noise := a.fold.Step(p.parsed)
	if r.Begun.IsZero() {
		r.Begun = a.fold.LogTime().UTC()
	}
	a.grow(p)
	if noise != nil {
		a.judge.Noise(a.fold, noise)
		return nil
	}
	if err := a.judge.Record(a.fold, rec, p.ahead); err != nil {
		return err
	}
	if a.tree() {
		a.compare(rec)
	}
	return nil
}

// compare holds a tree that a record names against the records.
func (a *Audit) compare(rec ledger.Record) {
	switch rec.Kind { //nolint:exhaustive // nothing else names one
	case schemas.KindPulse:
		a.judge.named(a.fold, rec, &a.roots)
	case schemas.KindGovernance:
		a.judge.losing(a.fold, rec, &a.roots)
	default:
	}
}

// tree reports whether the tree over the records is known.
func (a *Audit) tree() bool { return a.cfg.From == 1 && !a.broken }

func (a *Audit) grow(p *Prepared) {
	if !a.tree() {
		return
	}
	raw := p.parsed.Raw
	a.roots.add(lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: a.fold.LogTime(), Subject: raw.Subject, Data: p.data}.Leaf())
}

func (a *Audit) find(rule Rule, seq uint64, format string, args ...any) {
	a.judge.find(at(a.fold, rule, ledger.Position{Seq: seq}, "", format, args...))
}

// Checkpoint compares a signed checkpoint with the records stepped over, the
// newest of which is the last that it covers, or one of the newest.
func (a *Audit) Checkpoint(note []byte) {
	keys, err := a.fold.Governance().LogKeys()
	if err != nil {
		a.find(RuleCheckpoint, a.next-1, "%v", err)
		return
	}
	c, err := keys.Open(note)
	if err != nil {
		a.find(RuleCheckpoint, a.next-1, "a checkpoint beside the records does not verify: %v", err)
		return
	}
	if !a.tree() {
		return
	}
	root, known := a.roots.at(c.Size)
	switch {
	case c.Size > a.roots.edge.Size():
		a.find(RuleCheckpoint, c.Size, "a checkpoint over %d records, where %d stand: records are missing at the end", c.Size, a.roots.edge.Size())
	case !known:
		a.judge.unjudged(fmt.Sprintf("a checkpoint over %d records, which came when %d had been read: too far behind", c.Size, a.roots.edge.Size()))
	case root != c.Root:
		a.find(RuleCheckpoint, c.Size, "a checkpoint says root %s for the first %d records, whose root is %s", trust.Digest(c.Root).Short(), c.Size, trust.Digest(root).Short())
	default:
		a.fits(keys, c)
	}
}

func (a *Audit) fits(keys *lineage.Keys, c lineage.Signed) {
	fit := Checkpoint{Size: c.Size, Recorder: c.Recorder, Witnessed: keys.Witnessed(c)}
	for _, w := range c.Cosigned {
		fit.Witnesses = append(fit.Witnesses, w.Witness)
	}
	t := &a.judge.report.Tree
	t.Checkpoints = append(t.Checkpoints, fit)
	t.Covered = max(t.Covered, c.Size)
}

// Underived is what quorums decided where no verdict could be derived, because
// arguments are sealed: for the Recorded of a second audit of the same records,
// which then derives everything else.
func (a *Audit) Underived() map[ledger.Position]*pb.Decision { return a.judge.Underived() }

// Finish says what was found. Nothing may be stepped over after it.
func (a *Audit) Finish() *Report {
	r := a.judge.Finish(a.fold)
	if a.tree() {
		root := a.roots.edge.Root()
		r.Tree.Size, r.Tree.Root = a.roots.edge.Size(), base64.StdEncoding.EncodeToString(root[:])
		if r.Tree.Covered < r.Tree.Size {
			r.Unjudged = append(r.Unjudged, fmt.Sprintf("whether records after position %d are all there: no checkpoint covers them", r.Tree.Covered))
		}
	}
	return r
}

// Finish says what was found up to where the fold stands.
func (j *Judge) Finish(f *ledger.Fold) *Report {
	gov := f.Governance()
	r := j.report
	r.Ledger, r.TrustDomain, r.Zone, r.Ended = gov.Ledger().String(), gov.TrustDomain(), gov.Zone(), f.LogTime().UTC()
	if gov.Epoch() == 0 {
		j.find(Finding{Rule: RuleGenesis, Detail: fmt.Sprintf("no record is genesis %s, which this audit is anchored to", gov.Ledger())})
	}
	for _, h := range j.heads {
		j.find(h.finding)
	}
	j.stuck(f)
	r.Closed = j.closed.all
	var final uint64
	for _, n := range r.Final {
		final += n
	}
	if r.Intents != final+r.Open {
		j.find(Finding{Rule: RuleCount, Detail: fmt.Sprintf("%d intents, of which %d have a final state and %d have none yet", r.Intents, final, r.Open)})
	}
	j.untold()
	return r
}

// untold says what was too old to be judged when it came.
func (j *Judge) untold() {
	if !j.report.Whole {
		j.unjudged(j.begin.told())
	}
	j.untoldBlind()
	if j.late > 0 {
		j.unjudged(fmt.Sprintf("%d decisions on intents whose deadline was over: no claim can rest on them", j.late))
	}
	if j.old > 0 {
		j.unjudged(fmt.Sprintf("%d pulses that name a checkpoint too far behind them", j.old))
	}
}
