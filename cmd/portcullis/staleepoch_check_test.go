package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// misjudged is every decision that is not of exactly the epoch and the release
// that stood before its intent: an enforcer that had adopted half of a release,
// or adopted it elsewhere.
func (a *account) misjudged() (wrong []string) {
	for intent, decisions := range a.verdicts {
		for _, d := range decisions {
			at := d.GetIntent().GetSequence()
			if d.GetEpoch() != a.epoch(at) || digest(d.GetRelease()) != a.release(at) {
				wrong = append(wrong, fmt.Sprintf("intent %s at %d: decided in epoch %d under release %s, and epoch %d, release %s stand there",
					intent.Short(), at, d.GetEpoch(), digest(d.GetRelease()).Short(), a.epoch(at), a.release(at).Short()))
			}
		}
	}
	return wrong
}

// stale is every act whose claim does not stand in the very epoch, and under the
// very release, of a decision that allowed it.
func (a *account) stale(acts []act) (wrong []string) {
	for _, c := range acts {
		if !a.current(c) {
			wrong = append(wrong, fmt.Sprintf("act under claim %s of %s on intent %s, asked for at %d: nothing allowed it in epoch %d, in which the claim stands",
				c.claim, c.executor, c.intent.Short(), c.asked.seq, a.epoch(c.claim.Seq)))
		}
	}
	return wrong
}

func (a *account) current(c act) bool {
	for _, d := range a.verdicts[c.intent] {
		if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && d.GetIntent().GetSequence() == c.asked.seq &&
			d.GetEpoch() == a.epoch(c.claim.Seq) && digest(d.GetRelease()) == a.release(c.claim.Seq) {
			return true
		}
	}
	return false
}

// staleClaims are the claims on decisions of an earlier epoch, and whatever
// outcome any of them has: a void claim has none.
func (a *account) staleClaims() (n int, wrong []string) {
	for at, claim := range a.claims {
		intent := claim.GetIntent().GetSequence()
		if a.epoch(intent) == a.epoch(at.Seq) {
			continue
		}
		n++
		for _, o := range a.outcomes[at] {
			wrong = append(wrong, fmt.Sprintf("claim %s on the intent at %d is of an older epoch, and has the outcome %v at %d",
				at, intent, o.outcome.GetStatus(), o.seq))
		}
	}
	return n, wrong
}

// TestStaleEpochChecker tells small ledgers, each with one thing that must not
// be or with nothing wrong.
func TestStaleEpochChecker(t *testing.T) {
	for name, test := range map[string]struct {
		tell  func(l *teller)
		stale int    // claims
		says  string // "" if nothing is wrong
	}{
		"all in one epoch": {func(l *teller) { l.release(); l.flow(l.intent(), 1, 1) }, 0, ""},
		"two epochs, each its own": {func(l *teller) {
			l.release()
			l.flow(l.intent(), 1, 1)
			l.release()
			l.flow(l.intent(), 2, 2)
		}, 0, ""},
		"a stale claim, left alone": {func(l *teller) {
			l.release()
			in := l.intent()
			l.decide(in, 1, 1)
			l.release()
			l.claim(in)
		}, 1, ""},
		"a stale claim, acted on": {func(l *teller) {
			l.release()
			in := l.intent()
			l.decide(in, 1, 1)
			l.release()
			l.execute(in, l.claim(in))
		}, 1, "nothing allowed it in epoch 2"},
		"a stale claim, abandoned": {func(l *teller) {
			l.release()
			in := l.intent()
			l.decide(in, 1, 1)
			l.release()
			l.outcome(in, l.claim(in), pb.Status_STATUS_ABANDONED, false)
		}, 1, "STATUS_ABANDONED"},
		"the new epoch with the old release": {func(l *teller) {
			l.release()
			l.release()
			l.flow(l.intent(), 2, 1)
		}, 0, "decided in epoch 2"},
		"the old epoch behind the new release": {func(l *teller) {
			l.release()
			l.release()
			l.flow(l.intent(), 1, 1)
		}, 0, "decided in epoch 1"},
		"a new release before it is there": {func(l *teller) {
			l.release()
			in := l.intent()
			l.release()
			l.flow(in, 2, 2)
		}, 1, "decided in epoch 2"},
		"denied, and acted on": {func(l *teller) {
			l.release()
			in := l.intent()
			l.verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED
			l.flow(in, 1, 1)
		}, 0, "nothing allowed it"},
		"never decided": {func(l *teller) {
			l.release()
			in := l.intent()
			l.execute(in, l.claim(in))
		}, 0, "nothing allowed it"},
		"the same release again": {func(l *teller) {
			l.release()
			in := l.intent()
			l.decide(in, 1, 1)
			l.again()
			l.execute(in, l.claim(in))
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &teller{t: t, account: newAccount(), verdict: pb.Verdict_VERDICT_ALLOW}
			test.tell(l)
			n, wrong := l.account.staleClaims()
			wrong = append(wrong, l.account.misjudged()...)
			wrong = append(wrong, l.account.stale(l.account.acts(nil))...)
			if n != test.stale || (test.says != "") != (len(wrong) > 0) || !strings.Contains(strings.Join(wrong, "\n"), test.says) {
				t.Errorf("%d stale claims, want %d; found %q, and %q is wanted", n, test.stale, wrong, test.says)
			}
		})
	}
}

// teller writes a small ledger.
type teller struct {
	t        *testing.T
	account  *account
	seq      uint64
	releases [][]byte // payloads
	verdict  pb.Verdict
}

// asking is an intent of a teller.
type asking struct {
	at     ledger.Position
	digest trust.Digest
}

func (l *teller) add(kind schemas.Kind, payload []byte) ledger.Position {
	l.t.Helper()
	l.seq++
	must(l.t, l.account.add(l.seq, time.Unix(int64(l.seq), 0), kind, payload))
	return ledger.Position{Seq: l.seq}
}

func (l *teller) item(kind schemas.Kind, item []byte) ledger.Position {
	l.t.Helper()
	sealed, err := trust.SealList(kind, trust.Digest{1}, [][]byte{item}, trust.SigningKeyFromSeedInsecure(trust.Digest{1}))
	must(l.t, err)
	env, err := trust.ParseEnvelope(sealed)
	must(l.t, err)
	return l.add(kind, env.Payload)
}

func (l *teller) release() {
	l.t.Helper()
	payload, err := proto.Marshal(&pb.Governance{Record: &pb.Governance_Release{Release: &pb.Release{Version: l.seq + 1}}})
	must(l.t, err)
	l.releases = append(l.releases, payload)
	l.add(schemas.KindGovernance, payload)
}

func (l *teller) again() { l.add(schemas.KindGovernance, l.releases[len(l.releases)-1]) }

func (l *teller) intent() asking {
	l.t.Helper()
	item, err := proto.Marshal(&pb.Intent{Agent: "scout", Session: "s", Sequence: l.seq})
	must(l.t, err)
	return asking{l.item(schemas.KindIntent, item), trust.DigestOf(item)}
}

// decide decides an intent in an epoch, under a release by its number.
func (l *teller) decide(in asking, epoch uint64, release int) {
	l.t.Helper()
	id := trust.DigestOf(l.releases[release-1])
	item, err := proto.Marshal(&pb.Decision{Intent: in.at.Proto(), IntentDigest: in.digest[:], Verdict: l.verdict, Epoch: epoch, Release: id[:]})
	must(l.t, err)
	l.item(schemas.KindDecision, item)
}

func (l *teller) claim(in asking) ledger.Position {
	l.t.Helper()
	item, err := proto.Marshal(&pb.Claim{Intent: in.at.Proto(), IntentDigest: in.digest[:], Executor: "x1"})
	must(l.t, err)
	return l.item(schemas.KindClaim, item)
}

func (l *teller) execute(in asking, claim ledger.Position) {
	l.t.Helper()
	l.outcome(in, claim, pb.Status_STATUS_EXECUTED, true)
}

func (l *teller) outcome(in asking, claim ledger.Position, status pb.Status, started bool) {
	l.t.Helper()
	o := &pb.Outcome{IntentDigest: in.digest[:], Claim: claim.Proto(), Status: status, Executor: "x1"}
	if started {
		o.Started = timestamppb.New(time.Unix(int64(l.seq), 0))
	}
	item, err := proto.Marshal(o)
	must(l.t, err)
	l.item(schemas.KindOutcome, item)
}

func (l *teller) flow(in asking, epoch uint64, release int) {
	l.t.Helper()
	l.decide(in, epoch, release)
	l.execute(in, l.claim(in))
}
