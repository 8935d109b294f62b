package streams

import (
	"context"
	"time"
)

// SeqAt returns the position of the first record of the ledger that was stored
// at or after a time, or the position after the newest if there is none yet. It
// waits while the broker cannot be reached, until ctx ends.
func (c *Conn) SeqAt(ctx context.Context, at time.Time) (uint64, error) {
	r, err := openReader(c, Ledger)
	if err != nil {
		return 0, err
	}
	defer r.close()
	return persist(ctx, c, func(ctx context.Context) (uint64, error) {
		return r.firstOrNext(ctx, at)
	})
}
