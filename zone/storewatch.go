package zone

import (
	"context"
	"time"
)

// storeLook is how often a zone looks whether its broker's store has failed.
const storeLook = 500 * time.Millisecond

// watchStore makes the first fault of the embedded broker's store a failure of
// the zone, until ctx ends. Nothing is acknowledged on such a store, so nothing is
// done any more; ending tells clients and operators so at once.
func (z *Zone) watchStore(ctx context.Context) {
	tick := time.NewTicker(storeLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := z.at.Server.StoreFault()
		if err == nil || ctx.Err() != nil {
			continue
		}
		z.cfg.Logger.Error("the broker's store failed", "err", err)
		select {
		case z.failed <- err:
		default: // another part failed first
		}
		return
	}
}
