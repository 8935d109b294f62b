package ledger

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Heartbeat reads one message of the heartbeats' stream by the credentials that
// the fold knows: it is a heartbeat for this ledger, signed by whom the subject
// and the heartbeat name. Whether that participant's records count now is not
// asked: one that lost its standing and still beats is worth knowing; ask
// Standing. Errors are *schemas.Refusal; the fold does not change.
func (f *Fold) Heartbeat(subject string, data []byte) (*pb.Heartbeat, trust.Credential, error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_ENVELOPE, "%v", err)
	}
	if env.PayloadType != schemas.KindHeartbeat.PayloadType() {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_PAYLOAD_TYPE, "%.60q on the subject of a heartbeat", env.PayloadType)
	}
	if len(env.Signatures) != 1 || len(env.Signatures[0].Credential) > 0 {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_SIGNER, "a heartbeat has one signature, and no credential within")
	}
	cred, known := f.credentials[env.Signatures[0].KeyID]
	if !known {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_SIGNER, "key %s is bound by no credential yet", env.Signatures[0].KeyID.Short())
	}
	if !env.VerifiedBy(0, cred.Key) {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_SIGNATURE, "the signature in the name of %s does not verify", cred.ID)
	}
	beat := new(pb.Heartbeat)
	if err := schemas.Decode(env.Payload, schemas.MaxItem, beat); err != nil {
		return nil, trust.Credential{}, schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "%v", err)
	}
	if err := f.ownHeartbeat(subject, beat, cred.ID); err != nil {
		return nil, trust.Credential{}, err
	}
	return beat, cred, nil
}

// ownHeartbeat refuses what an authentic participant may not say.
func (f *Fold) ownHeartbeat(subject string, beat *pb.Heartbeat, id trust.Identity) error {
	own := schemas.Subject(f.gov.Zone(), schemas.KindHeartbeat, trust.RoleName(id.Role)+"."+id.Name)
	ledger, _ := trust.DigestFrom(beat.GetLedger())
	switch {
	case !schemas.KindHeartbeat.MayWrite(id.Role):
		return schemas.Refuse(pb.Reason_REASON_NOISE_ROLE, "%s may not beat", id)
	case ledger != f.gov.Ledger():
		return schemas.Refuse(pb.Reason_REASON_NOISE_LEDGER, "a heartbeat for ledger %s", ledger.Short())
	case beat.GetParticipant() != id.String():
		return schemas.Refuse(pb.Reason_REASON_NOISE_NAME, "%s signed a heartbeat of %.120q", id, beat.GetParticipant())
	case subject != own:
		return schemas.Refuse(pb.Reason_REASON_NOISE_SUBJECT, "%s beats on %s, not on %.120q", id, own, subject)
	}
	return nil
}
