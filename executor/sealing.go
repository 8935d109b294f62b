package executor

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Sealing is where an executor's sealing keys are kept. Its methods are safe for
// concurrent use.
type Sealing interface {
	// Held are the keys that were read last; nil if there are none.
	Held() *trust.SealingKeys
	// Refresh reads them again: a key may have been brought. On an error Held stays.
	Refresh() error
}

// open puts the arguments in the clear into an intent that was granted. The
// permit is for the bytes as sent: their digest says what must have been sealed.
// Errors are *schemas.Refusal; nothing has started then.
func (x *Executor) open(in *pb.Intent) error {
	id := in.GetSealed().GetKey()
	if in.GetSealed() == nil {
		return nil
	}
	key, held := x.sealingKey(id)
	if !held {
		return schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "the arguments are sealed to %s, whose private half is not here; bring it from another executor's folder", id)
	}
	arguments, err := key.Open(x.cfg.Ledger, in)
	if err != nil {
		return schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "%v", err)
	}
	in.Arguments = arguments
	return nil
}

// sealingKey is a sealing key by id; the folder is read again for one that is
// missing.
func (x *Executor) sealingKey(id string) (key *trust.SealingKey, held bool) {
	if x.cfg.Sealing == nil {
		return nil, false
	}
	if key, held = x.cfg.Sealing.Held().Key(id); held {
		return key, true
	}
	if err := x.cfg.Sealing.Refresh(); err != nil {
		x.cfg.Logger.Error("the sealing keys were not read again", "err", err)
	}
	return x.cfg.Sealing.Held().Key(id)
}
