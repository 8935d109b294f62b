package heartbeat_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// line is a broker that stores one append after the other, in the order in which they
// come, those too that nobody waits for any more.
type line struct {
	t     testing.TB
	takes time.Duration // each

	mu     sync.Mutex
	free   time.Time     // when all that has come is stored
	oldest time.Duration // of the newest beats when they were stored
	stored int
}

func (l *line) Append(ctx context.Context, _ string, data []byte) (uint64, error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		l.t.Error(err)
	}
	hb := new(pb.Heartbeat)
	if err := schemas.Decode(env.Payload, schemas.MaxItem, hb); err != nil {
		l.t.Error(err)
	}
	l.mu.Lock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(l.takes)
	l.oldest, l.stored = l.free.Sub(hb.GetClock().AsTime()), l.stored+1
	wait := time.Until(l.free)
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(wait):
		return 1, nil
	}
}

// TestManyOnASlowBroker: they ask for more than twice what the broker can do. Beats come
// less often, and every one of them is fresh: nobody would be missed.
func TestManyOnASlowBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const participants, interval = 60, 250 * time.Millisecond // 240 beats a second
		const takes, long = 10 * time.Millisecond, 30 * time.Second
		l := &line{t: t, takes: takes}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range participants {
			all.Go(func() {
				cfg := config(nil, interval)
				cfg.Conn = l
				_ = heartbeat.Run(ctx, cfg)
			})
		}
		time.Sleep(long)
		l.mu.Lock()
		oldest, stored := l.oldest, l.stored
		l.mu.Unlock()
		cancel()
		all.Wait()
		if oldest > 4*interval {
			t.Errorf("after %v a beat is %v old when it is stored", long, oldest)
		}
		if most := int(long/takes) + participants; stored > most || stored < most*3/4 {
			t.Errorf("%d beats were sent, of %d that can be stored", stored, most)
		}
	})
}
