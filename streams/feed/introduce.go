package feed

import (
	"context"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/streams"
)

// KeepIntroduced appends a participant's credential again whenever a follower
// that has caught up finds that the ledger does not know it, until ctx ends: one
// that came before the first release, say, was noise. It asks missing (see
// Unknown) every second, and waits twice as long after each time that it had to
// append, a minute at most: what the ledger refuses for good must not fill it.
func KeepIntroduced(ctx context.Context, conn *streams.Conn, subject string, credential []byte, missing func() bool) error {
	wait := introduceEvery
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if !missing() {
			wait = introduceEvery
			continue
		}
		wait = min(2*wait, introduceMost)
		if err := streams.Introduce(ctx, conn, subject, credential); err != nil {
			return err
		}
	}
}

const (
	introduceEvery = time.Second
	introduceMost  = time.Minute
)

// Unknown reports whether a release is in force and the ledger knows no
// credential for a key. A nil fold knows nothing.
func Unknown(f *ledger.Fold, key trust.KeyID) bool {
	if f == nil || f.Governance().Release() == nil {
		return false
	}
	_, known := f.Credential(key)
	return !known
}
