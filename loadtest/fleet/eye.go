package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

// eye hears heartbeats as a sentinel does: it folds the ledger, and takes one heartbeat after the other under one lock.
// It neither pulses nor trips.
type eye struct {
	conn  *streams.Conn
	stop  context.CancelFunc
	done  chan error
	heard func() // stops hearing

	mu      sync.Mutex // guards everything below
	fold    *ledger.Fold
	watch   *drift.Watch
	raw     map[string]streams.Raw // the newest authentic heartbeat on each subject
	ages    []time.Duration        // of those that were folded
	refused int
}

// look opens an eye, and returns when it has read the ledger.
func look(ctx context.Context, p *place) (*eye, error) {
	m, err := p.fabric.Load(pb.Role_ROLE_SENTINEL, sentinel, [32]byte{})
	if err != nil {
		return nil, err
	}
	conn, err := zone.Broker{URL: p.zone.URL()}.Connect(ctx, m, p.log)
	if err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	e := &eye{
		conn: conn, stop: stop, done: make(chan error, 1), heard: func() {},
		watch: drift.NewWatch(drift.Self{ID: m.ID}), raw: make(map[string]streams.Raw),
	}
	caughtUp := make(chan struct{})
	go func() { e.done <- e.follow(following, p, m, func() { close(caughtUp) }) }()
	select {
	case <-caughtUp:
	case err := <-e.done:
		e.done <- errors.Join(errors.New("the ledger cannot be followed"), err)
		return nil, e.close()
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), e.close())
	}
	if e.heard, err = conn.SubscribeHeartbeats(e.hear); err != nil {
		e.heard = func() {}
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *eye) follow(ctx context.Context, p *place, m *fabric.Member, caughtUp func()) error {
	err := feed.Run(ctx, feed.Config{
		Conn: e.conn, Zone: zoneName, Ledger: m.Bundle.Ledger, Keys: ledger.NewKeys(), Logger: p.log, Guard: &e.mu, CaughtUp: caughtUp,
	}, drift.Read, e.step)
	return unlessOver(ctx, err)
}

// step runs with mu held.
func (e *eye) step(f *ledger.Fold, ev feed.Event[drift.Items]) error {
	e.fold = f
	if ev.Noise == nil {
		e.watch.Record(f, ev.Record, ev.Ahead)
	}
	return nil
}

// hear takes one heartbeat, as a sentinel does.
func (e *eye) hear(raw streams.Raw) {
	received := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	beat, from, err := e.fold.Heartbeat(raw.Subject, raw.Data)
	if err != nil {
		e.refused++
		return
	}
	e.watch.Heartbeat(e.fold, beat, from, raw.Time, received)
	e.raw[raw.Subject] = raw
	e.ages = append(e.ages, time.Since(beat.GetClock().AsTime()))
}

// folded is how many heartbeats have been folded so far.
func (e *eye) folded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.ages)
}

const (
	lull      = 500 * time.Millisecond // without a heartbeat, nothing more is queued
	lullTotal = 10 * time.Second
)

// settle waits until so many heartbeats were taken, or no more come.
func (e *eye) settle(ctx context.Context, sent int) {
	limit := time.Now().Add(lullTotal)
	for before, since := -1, time.Now(); ctx.Err() == nil && time.Now().Before(limit); time.Sleep(lull / 50) {
		now := e.taken()
		if now != before {
			before, since = now, time.Now()
		}
		if now >= sent || time.Since(since) > lull {
			break
		}
	}
}

// taken is how many heartbeats were taken, whatever they were worth.
func (e *eye) taken() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.ages) + e.refused
}

// aged is how old heartbeats were when they were folded, so far.
func (e *eye) aged() result.Stage {
	e.mu.Lock()
	defer e.mu.Unlock()
	return engine.Distribution("folded", e.ages)
}

// knows reports whether a heartbeat on a subject was folded.
func (e *eye) knows(subject string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, known := e.raw[subject]
	return known
}

// verdict stops hearing, and says of how many a heartbeat was folded, and how many heartbeats were refused.
func (e *eye) verdict() (heard, refused int) {
	e.heard()
	e.heard = func() {}
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.raw), e.refused
}

// interval is how often the release in force lets participants beat.
func (e *eye) interval() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fold.Governance().Release().Bounds.HeartbeatInterval
}

// says is what an executor that has folded as much as the eye would say of itself.
func (e *eye) says() (*pb.Heartbeat, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gov := e.fold.Governance()
	release := gov.Release()
	return &pb.Heartbeat{
		Epoch: gov.Epoch(), Release: release.Digest[:], Head: gov.Head().Proto(), Position: e.fold.Seq(), Started: true,
	}, release.Bounds.HeartbeatInterval
}

// signed is the newest heartbeat of everybody who was heard, by subject.
func (e *eye) signed() map[string][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make(map[string][]byte, len(e.raw))
	for subject, raw := range e.raw {
		all[subject] = raw.Data
	}
	return all
}

// alone is how many heartbeats a second the eye folds when nothing else is asked of it: each newest one again, for a
// while. What they say is not news, but costs the same.
func (e *eye) alone() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	folded, begun := 0, time.Now()
	for len(e.raw) > 0 && time.Since(begun) < lull {
		for _, raw := range e.raw {
			if beat, from, err := e.fold.Heartbeat(raw.Subject, raw.Data); err == nil {
				e.watch.Heartbeat(e.fold, beat, from, raw.Time, time.Now())
				folded++
			}
		}
	}
	return float64(folded) / time.Since(begun).Seconds()
}

// close stops the eye. The error is why it stopped before.
func (e *eye) close() error {
	e.heard()
	e.stop()
	err := <-e.done
	e.conn.Close()
	return err
}
