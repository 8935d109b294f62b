package audit

import (
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// firstDecision is what was recorded first in a round.
type firstDecision struct {
	digest trust.Digest
	by     trust.Identity
}

// maxRound bounds the rounds of one intent that are told apart: as many approvals
// as people could give, and more.
const maxRound = 1 << 12

// decisions compares recorded decisions with one another and with what the
// records give, and counts quorums.
func (j *Judge) decisions(f *ledger.Fold, rec ledger.Record, decisions []*pb.Decision) {
	for i, d := range decisions {
		where := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		signer := rec.Signer.ID
		if d == nil {
			j.find(at(f, RuleReplay, where, signer.String(), "%s signed an item that is no decision", signer))
			continue
		}
		j.book.Decide(f, rec.Token, rec.Signer.ID, rec.Items[i], d)
		l := j.lives[verdict.RoundOf(d).Intent]
		if l == nil || d.GetRound() >= maxRound {
			j.stray(f, where, signer, rec.Items[i].Digest, d)
			continue
		}
		l.rounds = max(l.rounds, d.GetRound()+1)
		j.compare(f, rec, l, where, rec.Items[i].Digest, d)
		if l.finished {
			continue
		}
		if q := j.tally.Add(f, rec, i, d); q != nil {
			j.decided(l, q)
		}
	}
}

// compare judges one decision on an intent that is not over.
func (j *Judge) compare(f *ledger.Fold, rec ledger.Record, l *life, p ledger.Position, digest trust.Digest, d *pb.Decision) {
	round, signer := verdict.RoundOf(d), rec.Signer.ID
	own, derived := l.in(round.Number)
	first, known := j.rounds[round]
	switch {
	case !known:
		j.rounds[round] = firstDecision{digest, signer}
	case first.digest != digest && derived && own == digest:
		j.find(at(f, RuleDivergence, p, first.by.String(), "round %d of intent %s: its decision is not that of %s", round.Number, round.Intent, signer))
	case first.digest != digest:
		j.find(at(f, RuleDivergence, p, signer.String(), "round %d of intent %s: its decision is not that of %s", round.Number, round.Intent, first.by))
	}
	if j.replica == nil {
		return
	}
	if l.taken && !derived {
		j.uncompared(f, l, p)
		return
	}
	j.report.Compared++
	switch {
	case !derived:
		j.find(at(f, RuleReplay, p, signer.String(), "round %d of intent %s: nothing on the ledger calls for a decision in it", round.Number, round.Intent))
	case own != digest:
		j.mismatch(f, p, signer.String(), digest, own, d)
	}
	if rec.Token != verdict.Subject(d) {
		j.find(at(f, RuleReplay, p, signer.String(), "a decision for tool %q stands on the subject of %q", d.GetTool(), rec.Token))
	}
}

// stray judges a decision on no intent that is not over: a late one, on which no
// claim can rest any more; or one made up.
func (j *Judge) stray(f *ledger.Fold, p ledger.Position, signer trust.Identity, digest trust.Digest, d *pb.Decision) {
	round := verdict.RoundOf(d)
	own, derived := trust.Digest{}, false
	if j.replica != nil {
		own, derived = j.replica.Own(round)
	}
	far := slices.Contains(d.GetReasons(), pb.Reason_REASON_DEADLINE_FAR) // it is denied, and its deadline outlives it
	over := far || d.GetDeadline() == nil || !d.GetDeadline().AsTime().After(f.LogTime())
	ahead := round.Intent.Compare(p) >= 0
	switch {
	case !j.begin.judges(round.Intent):
	case derived && own == digest:
		j.report.Compared++
	case derived:
		j.mismatch(f, p, signer.String(), digest, own, d)
	case !ahead && (over || j.replica == nil):
		j.late++
	default:
		j.find(at(f, RuleReplay, p, signer.String(), "round %d of intent %s: nothing on the ledger calls for a decision in it", round.Number, round.Intent))
	}
}

func (j *Judge) mismatch(f *ledger.Fold, p ledger.Position, signer string, recorded, own trust.Digest, d *pb.Decision) {
	round := verdict.RoundOf(d)
	j.find(at(f, RuleReplay, p, signer, "round %d of intent %s: recorded is %s (%s), derived again it is %s", round.Number, round.Intent, verdictText(d), recorded.Short(), own.Short()))
}

func verdictText(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	text := []string{"DENY"}
	for _, r := range d.GetReasons() {
		text = append(text, schemas.ReasonCode(r))
	}
	return strings.Join(text, " ")
}
