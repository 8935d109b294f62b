package sim

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// answersFor is for which tools an approver may answer.
var answersFor = map[string][]string{
	"p1": {"read", "pay"}, "p2": {"pay"}, "p3": {"read"}, standIn: {"read", "pay"},
}

// standIn never says anything: a flawed enforcer files under this name what must
// not count.
const standIn = "p9"

// approvers are who may answer in this world.
func (w *World) approvers() []string {
	if w.flaw == (Flaw{}) {
		return []string{"p1", "p2", "p3"}
	}
	return []string{"p1", "p2", "p3", standIn}
}

// answer is what approvers do about an intent that waits. If none does, alice
// asks for one first.
func (w *World) answer(a, b uint32) {
	in := w.waiting(int(a % 2))
	if in == nil {
		if in = w.waiting(0); in == nil {
			w.alice.single(w.alice.next("s1", 1, 30+50*(b%32)+b%20, trustingly), "alice asks for something that wants approval")
			return
		}
	}
	says := func(name string, approve bool) {
		w.say(name, in.Digest, approve)
	}
	all := func() {
		says("p1", true)
		if needed(in.content) > 1 {
			says("p2", true)
		}
	}
	switch b % 12 {
	case 0, 1, 2, 3:
		all()
	case 4:
		says([]string{"p1", "p2"}[a/2%2], true)
	case 5: // one person twice: other bytes, the same word
		says("p1", true)
		says("p1", true)
	case 6: // not for his tool
		says("p3", a/2%4 > 0)
		says("p1", true)
	case 7: // no
		says([]string{"p1", "p2"}[a/2%2], false)
	case 8: // yes, and then no
		all()
		says("p2", false)
	case 9: // of something else, which may wait too
		w.say("p1", w.somethingElse(a/2), true)
	case 10: // yes, before his word is worth nothing, or after
		says("p2", true)
		if a/2%4 == 0 {
			w.send(nil, w.revocation("p2"), nil)
			says("p2", true)
		}
		says("p1", true)
	default: // of something whose time is over
		w.say("p1", w.outlived(), true)
	}
}

// trustingly gives the intent as long a deadline as is allowed: people are slow.
func trustingly(in *pb.Intent) {
	in.Deadline.Seconds += 2
}

// say sends one approver's answer.
func (w *World) say(name string, intent trust.Digest, approve bool) {
	note := fmt.Sprintf("%s: approval of %s", name, intent.Short())
	if !approve {
		note = fmt.Sprintf("%s: refusal of %s", name, intent.Short())
	}
	w.send(nil, w.approval(people[name], intent, approve, note), nil)
}

func (w *World) approval(by trusttest.Member, intent trust.Digest, approve bool, note string) message {
	w.introduce(by.ID.Name)
	w.answers++
	a := &pb.Approval{
		Ledger: w.zone.Ledger[:], IntentDigest: intent[:], Approver: by.SPIFFE(), Approve: approve, Note: fmt.Sprintf("answer %d", w.answers),
	}
	data := by.Seal(schemas.KindApproval, marshal(a))
	w.keys.Vouch(data)
	return message{schemas.Subject(trusttest.ZoneName, schemas.KindApproval, ""), data, Truth{By: by.ID.Name, Kind: schemas.KindApproval, Approval: a, Note: note}}
}

// somethingElse is the digest of an intent that was asked for, or of none.
func (w *World) somethingElse(a uint32) trust.Digest {
	if all := w.told().Intents; len(all) > 0 && a%4 > 0 {
		return all[int(a/4)%len(all)].Digest
	}
	return trust.DigestOf([]byte("no intent"))
}

// outlived is the newest intent that waited until its deadline.
func (w *World) outlived() (d trust.Digest) {
	h := w.told()
	for _, a := range h.Intents {
		if a.waits != nil && !h.open(a) {
			d = a.Digest
		}
	}
	return d
}
