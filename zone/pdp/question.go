package pdp

import (
	"encoding/json"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Question is what an intent would ask, in the release's terms. What the release
// does not know is denied.
type Question struct {
	Agent        string          // its name in the directory
	Action       string          // the Cedar action of a tool
	ResourceType string          // the Cedar entity type that the tool acts upon
	Resource     string          // what is acted upon, in the tool's own terms
	Arguments    json.RawMessage // a JSON object; empty means {}
	Context      json.RawMessage // a JSON object; empty means none
	Explain      bool            // the answer is to say in sentences why it denies
}

// Answer is what enforcers would decide. The zero value denies.
type Answer struct {
	Allowed     bool
	Reasons     []pb.Reason // why not, ascending; empty if allowed
	Policies    []string    // that determined it
	Explanation string      // if asked for; "" if allowed

	// Of the prefix that it is an answer from.
	At      ledger.Position // its last record
	LogTime time.Time
	Release trust.Digest // zero if none is in force
}
