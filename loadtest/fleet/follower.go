package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

// sighting is when a follower read a governance record.
type sighting struct {
	seq             uint64
	arrived, folded time.Time
	inForce         bool // everything that it could act on is halted
}

// follower is one simulated executor.
type follower struct {
	troop  *troop
	parser ledger.Parser

	// These belong to the goroutine that follows.
	fold *ledger.Fold
	book *permit.Book

	mu   sync.Mutex
	seen []sighting // guarded by mu; governance records since all have caught up
}

// troop is all followers of a size.
type troop struct {
	place     *place
	followers []*follower
	conns     []*streams.Conn
	following errgroup.Group
	stop      context.CancelFunc

	started atomic.Int64  // followers that have read the ledger to its end
	sighted atomic.Int64  // sightings of all followers
	news    chan struct{} // capacity 1: there was a sighting
}

// identities is how many identities followers on so many connections share: an account each at the broker, as executors
// have, without a directory that every follower would have to hold in full.
func identities(connections int) int {
	const (
		least = 16
		each  = 48 // connections of one identity: the broker's door lets in 64
	)
	return min(connections, max(least, (connections+each-1)/each))
}

// connections is how many n followers share, so many on each.
func connections(n, perConn int) int { return (n + perConn - 1) / perConn }

// connecting is how many connect at a time.
const connecting = 16

// follow connects n followers, so many on one connection, and waits until each has read the ledger. A few at a time: a
// thousand that connect at once would only keep each other from it.
func follow(ctx context.Context, p *place, n, perConn int) (*troop, error) {
	members, err := load(p.fabric, identities(connections(n, perConn)))
	if err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx)) // it outlasts the time for connecting
	t := &troop{
		place: p, stop: stop, news: make(chan struct{}, 1), followers: make([]*follower, n), conns: make([]*streams.Conn, connections(n, perConn)),
	}
	connecting := connectingGroup()
	for i := range t.conns {
		connecting.Go(func() error { return t.connect(ctx, following, members[i%len(members)], i, perConn) })
	}
	if err := connecting.Wait(); err != nil {
		err = fmt.Errorf("only %d of %d followers have read the ledger (%w); try fewer, let several share a connection, or leave out the pulses", t.started.Load(), n, err)
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// load loads the first executors of a fabric.
func load(f *fabric.Fabric, n int) ([]*fabric.Member, error) {
	members := make([]*fabric.Member, n)
	for i := range members {
		m, err := f.Load(pb.Role_ROLE_EXECUTOR, executorName(i), trust.Digest{})
		if err != nil {
			return nil, err
		}
		members[i] = m
	}
	return members, nil
}

// connect makes one connection, and has its followers read the ledger, one after the other.
func (t *troop) connect(ctx, following context.Context, m *fabric.Member, i, perConn int) (err error) {
	if t.conns[i], err = (zone.Broker{URL: t.place.zone.URL()}).Connect(ctx, m, t.place.log); err != nil {
		return err
	}
	for x := i * perConn; x < min((i+1)*perConn, len(t.followers)); x++ {
		caughtUp := make(chan struct{})
		t.add(following, x, m, t.conns[i], func(uint64) { close(caughtUp) })
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-caughtUp:
			t.started.Add(1)
		}
	}
	return nil
}

func connectingGroup() *errgroup.Group {
	g := new(errgroup.Group)
	g.SetLimit(connecting)
	return g
}

// add starts a follower.
func (t *troop) add(following context.Context, i int, m *fabric.Member, conn *streams.Conn, caughtUp func(uint64)) {
	keys := ledger.NewKeys()
	x := &follower{
		troop: t, fold: ledger.NewFold(m.Bundle.Ledger, keys), book: permit.NewBook(permit.Owner{ID: m.ID}),
		parser: ledger.Parser{
			Zone: zoneName, Keys: keys,
			Skip: []schemas.Kind{schemas.KindApproval}, Unauthenticated: []schemas.Kind{schemas.KindIntent},
		},
	}
	t.followers[i] = x
	t.following.Go(func() error {
		return unlessOver(following, streams.Follow(following, conn, streams.FollowConfig{CaughtUp: caughtUp}, x.read, x.step))
	})
}

// read is what comes ahead of the fold.
func (x *follower) read(raw streams.Raw) received {
	now := time.Now()
	return received{now, x.parser.Parse(feed.Raw(raw))}
}

// received is a record before it is folded.
type received struct {
	at     time.Time
	parsed *ledger.Parsed
}

// step folds as an executor does.
func (x *follower) step(r received, _ bool) error {
	rec, err := x.fold.Step(r.parsed)
	x.book.Expire(x.fold.LogTime())
	if err != nil || rec.Kind != schemas.KindGovernance || x.troop.started.Load() < int64(len(x.troop.followers)) {
		return nil //nolint:nilerr // noise changes nothing
	}
	_, halted := x.fold.Governance().Halted(governance.Target{Zone: zoneName, Tool: tool})
	x.mu.Lock()
	x.seen = append(x.seen, sighting{rec.Seq, r.at, time.Now(), halted})
	x.mu.Unlock()
	x.troop.note()
	return nil
}

// note counts a sighting, and wakes who waits for it.
func (t *troop) note() {
	t.sighted.Add(1)
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// await waits until there have been so many sightings.
func (t *troop) await(ctx context.Context, sightings int) error {
	for t.sighted.Load() < int64(sightings) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.news:
		}
	}
	return nil
}

// close stops everybody. The error is why a follower stopped before.
func (t *troop) close() error {
	t.stop()
	err := t.following.Wait()
	closing := connectingGroup()
	for _, c := range t.conns {
		if c != nil {
			closing.Go(func() error { c.Close(); return nil })
		}
	}
	return errors.Join(err, closing.Wait())
}
