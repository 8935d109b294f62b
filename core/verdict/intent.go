package verdict

import (
	"errors"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Intent is one item of an authentic list of intents, at its position.
type Intent struct {
	Position ledger.Position
	Digest   trust.Digest
	Size     int // of its bytes
	Signer   trust.Credential
	Content  *pb.Intent // nil if it could not be read
	Defect   pb.Reason  // why not, or which rule of the schema it breaks
}

// Content is what an intent says by itself. Read it ahead of the fold.
type Content struct {
	Intent *pb.Intent
	Defect pb.Reason
}

// minArguments is the shortest JSON object.
const minArguments = len("{}")

// Read decodes one item against the schema. It is safe for concurrent use.
func Read(item []byte) Content {
	intent := new(pb.Intent)
	err := schemas.Decode(item, schemas.MaxIntent, intent)
	switch {
	case errors.Is(err, schemas.ErrOversized):
		return Content{Defect: pb.Reason_REASON_INTENT_OVERSIZED}
	case errors.Is(err, schemas.ErrInvalid):
		return Content{Defect: pb.Reason_REASON_INTENT_INVALID}
	case err != nil:
		return Content{Defect: pb.Reason_REASON_INTENT_MALFORMED}
	case (intent.GetSealed() == nil) != (len(intent.GetArguments()) >= minArguments):
		return Content{Defect: pb.Reason_REASON_INTENT_INVALID}
	case trust.DigestOf(intent.GetArguments()) != trust.DigestIn(intent.GetArgumentsDigest()):
		return Content{Intent: intent, Defect: pb.Reason_REASON_ARGUMENTS_DIGEST}
	default:
		return Content{Intent: intent}
	}
}
