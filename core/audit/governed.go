package audit

import (
	"encoding/hex"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
)

// governed notes what a governance record did.
func (j *Judge) governed(f *ledger.Fold, rec ledger.Record) {
	record := rec.Effect.Record
	kind, text := governance.Describe(record)
	if rec.Effect.Drill {
		kind = "drill"
	}
	signers := rec.Effect.Signers()
	j.report.Signatures += uint64(max(len(signers), 1))
	j.report.Governance = append(j.report.Governance, Governed{
		Position: rec.Seq, LogTime: f.LogTime().UTC(), Epoch: rec.Effect.Epoch, Kind: kind, Text: text, Signers: signers,
	})
	if loss := record.GetLoss(); loss != nil {
		j.lost(rec.Seq, lossSeen{loss, rec.Effect.Epoch})
	}
	if before := record.GetGenesis().GetContinues(); before != nil {
		j.unjudged(fmt.Sprintf("this ledger continues %s; audit that one too, up to the checkpoint in the genesis of this one", hex.EncodeToString(before.GetLedger())))
	}
}
