package streams

import "context"

// A checkpoint covers all before it, so a reader that falls behind may lose some.
const (
	checkpointQueue = 256
	checkpointBytes = 16 << 20
)

// SubscribeCheckpoints calls on with each signed note that is stored in the
// zone's checkpoints from now on, in stream order, from one goroutine. It lasts
// through reconnects; what is stored meanwhile is not made up for, nor what comes
// while on is hundreds of notes behind: the next one says more. After stop no
// further call begins. It fails without a zone and on a closed connection.
//
// Nothing about a note is verified: see (*lineage.Keys).Open. A message with
// headers of its own is left out. A participant without the right to read
// checkpoints hears none: the broker refuses, and the connection logs it.
func (c *Conn) SubscribeCheckpoints(on func(Raw)) (stop func(), err error) {
	return c.subscribe(Checkpoints, checkpointQueue, checkpointBytes, on)
}

// LastCheckpoint returns the newest message of the zone's checkpoints, whatever
// it is worth, or found false if there is none. It waits while the broker cannot
// be reached, until ctx ends. To read more of them use Read.
func (c *Conn) LastCheckpoint(ctx context.Context) (last Raw, found bool, err error) {
	r, err := openReader(c, Checkpoints)
	if err != nil {
		return Raw{}, false, err
	}
	defer r.close()
	seq, err := persist(ctx, c, r.head)
	if err != nil || seq == 0 {
		return Raw{}, false, err
	}
	last, err = persist(ctx, c, func(ctx context.Context) (record Raw, err error) {
		if record, found, err = r.one(ctx, seq, ""); err == nil && !found {
			err = r.beyond(ctx, seq)
		}
		return record, err
	})
	return last, found && err == nil, err
}
