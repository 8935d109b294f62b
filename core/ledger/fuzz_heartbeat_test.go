package ledger

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzHeartbeat: no bytes on any subject are heard as somebody's heartbeat but
// those that he signed, for this ledger, on his own subject; a refusal has a reason.
func FuzzHeartbeat(f *testing.F) {
	l := begun(f)
	own := schemas.Subject(trusttest.ZoneName, schemas.KindHeartbeat, "executor.x1")
	beat := l.marshal(&pb.Heartbeat{
		Ledger: l.zone.Ledger[:], Participant: executor.SPIFFE(), Incarnation: make([]byte, 16), Counter: 1,
		Head: l.fold.Governance().Head().Proto(), BuildDigest: make([]byte, 32), ConfigDigest: make([]byte, 32), Clock: timestamppb.New(l.now),
	})
	honest := executor.Seal(schemas.KindHeartbeat, beat)
	f.Add(own, honest)
	f.Add("heartbeat.z2.executor.x1", honest)
	f.Add(own, enforcer.Seal(schemas.KindHeartbeat, beat))
	f.Add(own, l.sealed(schemas.KindHeartbeat, beat, executor.Key, enforcer.Key))
	f.Add(own, executor.Seal(schemas.KindPulse, beat))
	f.Add(own, []byte("junk"))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		hb, cred, err := l.fold.Heartbeat(subject, data)
		if (err == nil) != (hb != nil) || err != nil && schemas.ReasonOf(err) == 0 {
			t.Fatalf("%v, %v", hb, err)
		}
		if err == nil && (subject != own || cred.ID != executor.ID || hb.GetParticipant() != executor.SPIFFE() || hb.GetCounter() != 1) {
			t.Fatalf("%s is heard on %s: %v", cred.ID, subject, hb)
		}
	})
}
