package feed

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// StandingFault says why what a participant signs with its key does not count at
// the fold's position; "" if it does.
func StandingFault(f *ledger.Fold, key trust.KeyID) string {
	cred, introduced := f.Credential(key)
	if !introduced {
		return "its credential does not stand on the ledger"
	}
	if reason, ok := f.Standing(cred); !ok {
		return fmt.Sprintf("its records do not count (%s): %s", schemas.ReasonCode(reason), schemas.ReasonText(reason))
	}
	return ""
}
