package proof

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Verify judges a file by the digest of the genesis that its caller trusts. It
// never fails: what does not hold is a step that is not established, and none
// after it is judged.
func Verify(f *File, anchor trust.Digest) *Result {
	result, _ := verify(f, anchor)
	return result
}

// verify also gives what it read, for those who say it in other words.
func verify(f *File, anchor trust.Digest) (*Result, *verification) {
	v := &verification{file: f, anchor: anchor}
	result := &Result{Kind: f.Kind, Intent: trust.Digest(f.About.Intent).String()}
	failed := StepName("")
	for _, s := range v.steps() {
		step := Step{Name: s.name, What: s.what}
		if failed != "" {
			step.Detail = "not judged, because it rests on the step " + string(failed)
		} else if detail, err := s.judge(); err != nil {
			failed, step.Detail = s.name, plain(err)
		} else {
			step.Established, step.Detail = true, detail
		}
		result.Steps = append(result.Steps, step)
	}
	result.NotEstablished = v.notEstablished()
	return result, v
}

// plain is an error on one line: what it tells may come from the file.
func plain(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// verification is the work on one file. Each step may rest on those before it.
type verification struct {
	file   *File
	anchor trust.Digest

	read    *reading
	moments map[uint64]moment // by position, of the file's records
	heads   []named           // the file's pulses
	keys    *lineage.Keys     // by the governance at the last record
	signed  lineage.Signed
	claim   ruling  // kinds of a claim
	decided *quorum // what the kind rests on
}

type step struct {
	name  StepName
	what  string
	judge func() (detail string, err error)
}

// steps are those of the file's kind.
func (v *verification) steps() []step {
	all := []step{
		{StepForm, "The file is a proof file of a form that this verifier knows.", v.judgeForm},
		{StepAnchor, "It is about the ledger that you trust.", v.judgeAnchor},
		{StepRecords, "Every record in it is authentic and authorised where it stands, from genesis on.", v.judgeRecords},
		{StepCheckpoint, "Its checkpoint is signed as the release in force demands.", v.judgeCheckpoint},
		{StepInclusion, "Every record stands in the checkpoint's tree at its position.", v.judgeInclusion},
		{StepIntent, "The intent stands on the ledger, signed by its agent.", v.judgeIntent},
	}
	decision := func(what string) step { return step{StepDecision, what, v.judgeDecision} }
	switch k := v.file.Kind; {
	case k.concluded():
		all = append(all, decision("A quorum of enforcers allowed exactly this intent."),
			step{StepClaim, "The executor's claim is valid where it stands: it had authority to act.", v.judgeClaim},
			step{StepOutcome, "The executor of that claim reported the outcome " + strings.ToUpper(string(k)) + ".", v.judgeOutcome})
	case k == KindClaimed:
		all = append(all, decision("A quorum of enforcers allowed exactly this intent."),
			step{StepClaim, "The executor's claim is valid where it stands: it had authority to act.", v.judgeClaim})
	case k == KindVoid:
		all = append(all, step{StepClaim, "The claim is void where it stands: it gave no authority to act.", v.judgeVoid})
	case k == KindDenied:
		all = append(all, decision("A quorum of enforcers denied exactly this intent."))
	case k == KindEvaluated:
		all = append(all, decision("A quorum of enforcers allowed exactly this intent, which asked for a decision only."))
	case k == KindExpired:
		all = append(all, step{StepDeadline, "The intent's deadline is behind: no later claim on it can be valid.", v.judgeDeadline})
	}
	return append(all, step{StepHistory, "No governance record was left out, from genesis to what the verdict rests on.", v.judgeHistory})
}

func (v *verification) judgeForm() (string, error) {
	if err := v.file.check(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d records, kind %s", v.file.Format, len(v.file.Records), v.file.Kind), nil
}

func (v *verification) judgeAnchor() (string, error) {
	if named := trust.Digest(v.file.Anchor); named != v.anchor || v.anchor.IsZero() {
		return "", fmt.Errorf("the file is of ledger %s, you trust %s; ask for a proof from your ledger", named, v.anchor)
	}
	return "genesis " + v.anchor.String(), nil
}

// judgeRecords folds every record in order. One that is noise proves nothing, so
// it is refused instead of skipped.
func (v *verification) judgeRecords() (string, error) {
	zone, _, _, err := schemas.LedgerSubject(v.file.Records[0].Subject)
	if err != nil {
		return "", fmt.Errorf("the record at %d: %w", v.file.Records[0].Position, err)
	}
	v.read = newReading(v.anchor, zone, trust.Digest(v.file.About.Intent))
	v.moments = make(map[uint64]moment, len(v.file.Records))
	for _, r := range v.file.Records {
		if r.LogTime.Time().Before(v.read.fold.LogTime()) {
			return "", fmt.Errorf("log time goes back at %d", r.Position)
		}
		v.read.fold.RaiseLogTime(r.LogTime.Time())
		rec, err := v.read.step(v.read.parser.Parse(r.raw()))
		if err != nil {
			return "", fmt.Errorf("the record at %d on %.120q: %w", r.Position, r.Subject, err)
		}
		if rec.Kind == schemas.KindPulse {
			v.heads = append(v.heads, v.read.pulse)
		}
		v.moments[r.Position] = v.read.now()
	}
	gov := v.read.fold.Governance()
	if gov.Zone() != zone {
		return "", fmt.Errorf("the subjects are of zone %q, genesis is of %q", zone, gov.Zone())
	}
	return fmt.Sprintf("%d records of zone %s in %s, up to epoch %d", len(v.file.Records), zone, gov.TrustDomain(), gov.Epoch()), nil
}

func (v *verification) judgeCheckpoint() (string, error) {
	var err error
	if v.keys, err = v.read.fold.Governance().LogKeys(); err != nil {
		return "", err
	}
	if v.signed, err = v.keys.Open([]byte(v.file.Checkpoint)); err != nil {
		return "", err
	}
	if !v.keys.Witnessed(v.signed) {
		return "", fmt.Errorf("%d witnesses of the release cosigned it, %d must", len(v.signed.Cosigned), v.keys.Threshold())
	}
	witnesses := "no witness"
	if len(v.signed.Cosigned) > 0 {
		names := make([]string, len(v.signed.Cosigned))
		for i, c := range v.signed.Cosigned {
			names[i] = c.Witness
		}
		witnesses = strings.Join(names, ", ")
	}
	return fmt.Sprintf("tree of %d records, signed by recorder %s, cosigned by %s (%d must)", v.signed.Size, v.signed.Recorder, witnesses, v.keys.Threshold()), nil
}

func (v *verification) judgeInclusion() (string, error) {
	for _, r := range v.file.Records {
		if err := lineage.CheckInclusion(r.hashes(), v.signed.Size, v.signed.Root, r.Position, r.Entry().Leaf()); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d inclusion proofs", len(v.file.Records)), nil
}

func (v *verification) judgeIntent() (string, error) {
	in := v.read.asked
	if in == nil || in.position != ledger.Position(v.file.About.Position) {
		return "", fmt.Errorf("no record of the file has an intent %s at %s", trust.Digest(v.file.About.Intent), v.file.About.Position)
	}
	if in.content == nil {
		return fmt.Sprintf("%s sent it at %s; it cannot be read as an intent", in.agent, in.position), nil
	}
	return fmt.Sprintf("%s asked at %s for %s, action %s on %.200q", in.agent, in.position, in.content.GetTool(), in.content.GetAction(), in.content.GetResource()), nil
}

// judgeDecision judges the quorum that the kind rests on: the one of the claim, or
// the newest.
func (v *verification) judgeDecision() (string, error) {
	v.decided = v.read.decided
	want := pb.Verdict_VERDICT_ALLOW
	switch {
	case v.file.Kind == KindDenied:
		want = pb.Verdict_VERDICT_DENY_UNSPECIFIED
	case v.file.Kind.ofClaim():
		v.claim, _ = v.read.ruling(ledger.Position(*v.file.About.Claim))
		v.decided = v.claim.decided
	}
	if v.decided == nil {
		return "", errors.New("no quorum of enforcers signed the same decision on it, or its claim is not in the file")
	}
	d := v.decided.decision
	if d.GetVerdict() != want || (want == pb.Verdict_VERDICT_ALLOW) != (len(d.GetReasons()) == 0) {
		return "", fmt.Errorf("the quorum's verdict is %s with %d reasons", verdictWord(d), len(d.GetReasons()))
	}
	if err := v.checkDecision(d); err != nil {
		return "", err
	}
	if v.file.Kind == KindEvaluated && !d.GetEvaluation() {
		return "", errors.New("the intent asked to be carried out: a claim on it may be valid")
	}
	if v.file.Kind == KindDenied {
		if err := errors.Join(v.checkUnclaimed(), v.checkFinal(d)); err != nil {
			return "", err
		}
	}
	return v.describeDecision(), nil
}

// checkFinal refuses a denial after which a later round may still allow the intent:
// its deadline is not behind, as far as the file reaches.
func (v *verification) checkFinal(d *pb.Decision) error {
	if final(d) {
		return nil
	}
	deadline := v.read.asked.content.GetDeadline()
	if now := v.read.fold.LogTime(); deadline == nil || now.Before(deadline.AsTime()) {
		return fmt.Errorf("it is of round %d, and a later one may allow the intent until its deadline, %s; the last record's log time is %s", d.GetRound(), stamp(deadline.AsTime()), stamp(now))
	}
	return nil
}

// checkDecision compares what a decision repeats with what stands here. Enforcers
// derived it at the intent, or at the approval that opened its round, from the
// same state as the file gives.
func (v *verification) checkDecision(d *pb.Decision) error {
	in := v.read.asked
	at, there := v.moments[verdict.DecidedAt(d).Seq]
	switch {
	case !there || !v.decidesAt(d):
		return fmt.Errorf("it was decided at %s, and the file has neither the intent nor an approval of it there", verdict.DecidedAt(d))
	case d.GetEpoch() != at.epoch || at.release == nil || trust.DigestIn(d.GetRelease()) != at.release.Digest:
		return fmt.Errorf("it was decided in epoch %d under release %s; by the file it is epoch %d", d.GetEpoch(), trust.DigestIn(d.GetRelease()).Short(), at.epoch)
	case !d.GetLogTime().AsTime().Equal(at.logTime):
		return fmt.Errorf("it was decided at log time %s; by the file it is %s", stamp(d.GetLogTime().AsTime()), stamp(at.logTime))
	case d.GetAgent() != in.agent.String():
		return fmt.Errorf("it names agent %.120q, %s sent the intent", d.GetAgent(), in.agent)
	case d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && !repeats(d, in.content):
		return errors.New("it is not about what the intent says: session, tool, deadline or agent differ")
	default:
		return nil
	}
}

// decidesAt reports whether a decision was made where one can be.
func (v *verification) decidesAt(d *pb.Decision) bool {
	at := verdict.DecidedAt(d)
	if d.GetRound() == 0 {
		return at == v.read.asked.position
	}
	for _, a := range v.read.approvals {
		if at == (ledger.Position{Seq: a.at}) && a.at > v.read.asked.position.Seq {
			return true
		}
	}
	return false
}

// repeats reports whether an ALLOW says of an intent what it says itself.
func repeats(d *pb.Decision, in *pb.Intent) bool {
	return in != nil && d.GetAgent() == in.GetAgent() && d.GetSession() == in.GetSession() && d.GetTool() == in.GetTool() &&
		d.GetDeadline().AsTime().Equal(in.GetDeadline().AsTime()) && d.GetEvaluation() == in.GetEvaluation()
}

func (v *verification) judgeClaim() (string, error) {
	one := v.claim
	if !one.Valid() {
		return "", fmt.Errorf("the claim at %s is void: %s", one.Position, schemas.ReasonCode(one.Void))
	}
	return fmt.Sprintf("%s claimed it at %s, log time %s, before the deadline %s; epoch %d; newest pulse at %d by %s",
		one.Executor, one.Position, stamp(one.logTime), stamp(one.Decision.GetDeadline().AsTime()), one.epoch, one.pulse.at, one.pulse.sentinel), nil
}

func (v *verification) judgeVoid() (string, error) {
	one, there := v.read.ruling(ledger.Position(*v.file.About.Claim))
	switch {
	case !there:
		return "", fmt.Errorf("no record of the file has a claim on it at %s", v.file.About.Claim)
	case one.Valid():
		return "", fmt.Errorf("the claim at %s is valid", one.Position)
	case restsOnAbsence(one):
		return "", fmt.Errorf("the claim at %s would be void for want of what is not in the file (%s), and only an audit of the whole ledger shows what is not there", one.Position, schemas.ReasonCode(one.Void))
	}
	v.claim, v.decided = one, one.decided
	return fmt.Sprintf("%s claimed it at %s: %s, %s", one.Executor, one.Position, schemas.ReasonCode(one.Void), schemas.ReasonText(one.Void)), nil
}

// restsOnAbsence reports whether a claim is void only because something is
// missing: whoever made the file may have left it out.
func restsOnAbsence(one ruling) bool {
	return one.Void == pb.Reason_REASON_CLAIM_NO_PULSE || one.Void == pb.Reason_REASON_CLAIM_UNDECIDED && one.decided == nil
}

func (v *verification) judgeOutcome() (string, error) {
	one, there := v.read.concludes(v.claim)
	switch {
	case !there:
		return "", fmt.Errorf("no record of the file has an outcome of claim %s by %s", v.claim.Position, v.claim.Executor)
	case one.tool != v.claim.Decision.GetTool():
		return "", fmt.Errorf("the outcome at %s stands on tool %q, the claim is on %q", one.position, one.tool, v.claim.Decision.GetTool())
	case kindOfStatus[one.outcome.GetStatus()] != v.file.Kind:
		return "", fmt.Errorf("the outcome at %s says %s", one.position, kindOfStatus[one.outcome.GetStatus()])
	}
	return describeOutcome(one), nil
}

func (v *verification) judgeDeadline() (string, error) {
	in := v.read.asked.content
	if in == nil {
		return "", errors.New("the intent cannot be read, so it has no deadline")
	}
	if q := v.read.decided; q != nil && q.decision.GetVerdict() != pb.Verdict_VERDICT_ALLOW {
		return "", fmt.Errorf("a quorum denied it up to %d, so it did not expire", q.at)
	}
	if err := v.checkUnclaimed(); err != nil {
		return "", err
	}
	deadline := in.GetDeadline().AsTime()
	if now := v.read.fold.LogTime(); now.Before(deadline) {
		return "", fmt.Errorf("its deadline is %s and the last record's log time is %s", stamp(deadline), stamp(now))
	}
	last := v.file.Records[len(v.file.Records)-1]
	return fmt.Sprintf("deadline %s, log time at %d %s", stamp(deadline), last.Position, stamp(v.read.fold.LogTime())), nil
}

// checkUnclaimed refuses a file that says itself that there was authority to act.
func (v *verification) checkUnclaimed() error {
	for _, one := range v.read.rulings {
		if one.Valid() {
			return fmt.Errorf("the claim at %s is valid", one.Position)
		}
	}
	return nil
}

// judgeHistory demands a sentinel that had read up to what the verdict rests on and
// signed a governance head of this chain that reaches to it. The head is a digest
// of every record before it and of its position, so none was left out. An
// executor's word is not enough: its outcome is what a revocation or a halt that is
// left out would make worthless.
func (v *verification) judgeHistory() (string, error) {
	if err := v.checkHeads(); err != nil {
		return "", err
	}
	until := v.restsOn()
	whyNot := fmt.Errorf("no pulse of a sentinel that had read up to %d names a governance head", until.at)
	for _, n := range v.heads {
		if whyNot = n.witnesses(until); whyNot == nil {
			return fmt.Sprintf("sentinel %s had read up to %d and names governance head %d of this chain at %d", n.sentinel.Name, n.read, n.number, n.at), nil
		}
	}
	return "", whyNot
}

// checkHeads refuses a file in which anybody names a governance head that is not on
// its chain: another one, or one that goes on where the file does not.
func (v *verification) checkHeads() error {
	for _, n := range v.heads {
		if n.fault != nil {
			return fmt.Errorf("the pulse at %d: %w", n.at, n.fault)
		}
	}
	for _, one := range v.read.reports {
		if one.head != nil {
			return fmt.Errorf("the outcome at %s: %w", one.position, one.head)
		}
	}
	return nil
}
