package ledger

import (
	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// single decodes a record that is not a list and checks what all of them share:
// its signer's standing, the ledger that it is for, and that it names its signer.
func (f *Fold) single(p *Parsed, signer trust.Credential, m proto.Message, named func() (ledger []byte, name string)) error {
	if err := f.standing(signer); err != nil {
		return err
	}
	if err := schemas.Decode(p.env.Payload, schemas.MaxItem, m); err != nil {
		return schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "%v", err)
	}
	ledgerBytes, name := named()
	if ledger, _ := trust.DigestFrom(ledgerBytes); ledger != f.gov.Ledger() {
		return schemas.Refuse(pb.Reason_REASON_NOISE_LEDGER, "a %s for ledger %s", p.kind, ledger.Short())
	}
	if !signer.ID.Is(name) {
		return schemas.Refuse(pb.Reason_REASON_NOISE_NAME, "%s signed a %s of %.120q", signer.ID, p.kind, name)
	}
	return nil
}
