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
	Content  *pb.Intent // as sent; nil if it could not be read
	Defect   pb.Reason  // why not, or which rule of the schema it breaks
	Opened   Opened     // what was found behind sealed arguments
}

// Content is what an intent says by itself. Read it ahead of the fold.
type Content struct {
	Intent *pb.Intent // as sent: sealed arguments are not in it
	Defect pb.Reason
	Opened Opened
}

// minArguments is the shortest JSON object.
const minArguments = len("{}")

// Reader reads intents, and opens sealed arguments with what keys it has. The
// zero value has none: it reads everything else. Its methods are safe for
// concurrent use.
type Reader struct {
	Ledger trust.Digest // of genesis; arguments are sealed for one ledger
	Keys   *trust.SealingKeys
}

// Read decodes one item as a reader without sealing keys. It is safe for
// concurrent use.
func Read(item []byte) Content { return Reader{}.Read(item) }

// Read decodes one item against the schema.
func (r Reader) Read(item []byte) Content {
	intent := new(pb.Intent)
	err := schemas.Decode(item, schemas.MaxIntent, intent)
	switch {
	case errors.Is(err, schemas.ErrOversized):
		return Content{Defect: pb.Reason_REASON_INTENT_OVERSIZED}
	case errors.Is(err, schemas.ErrInvalid):
		return Content{Defect: pb.Reason_REASON_INTENT_INVALID}
	case err != nil:
		return Content{Defect: pb.Reason_REASON_INTENT_MALFORMED}
	case !argued(intent):
		return Content{Defect: pb.Reason_REASON_INTENT_INVALID}
	case intent.GetSealed() != nil:
		return Content{Intent: intent, Opened: r.open(intent)}
	case trust.DigestOf(intent.GetArguments()) != trust.DigestIn(intent.GetArgumentsDigest()):
		return Content{Intent: intent, Defect: pb.Reason_REASON_ARGUMENTS_DIGEST}
	default:
		return Content{Intent: intent}
	}
}

// argued reports whether an intent has its arguments either sealed or in the
// clear, and not both.
func argued(in *pb.Intent) bool {
	if in.GetSealed() != nil {
		return len(in.GetArguments()) == 0
	}
	return len(in.GetArguments()) >= minArguments
}
