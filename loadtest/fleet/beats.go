package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
	"github.com/portcullis-dev/portcullis/zone"
)

// beats measures beaters: what a zone of so many participants costs its broker and whoever folds it, and how many
// heartbeats are taken.
func (c *Config) beats(ctx context.Context, dir string, n int, out *Beaters) (err error) {
	f, err := create(dir, n)
	if err != nil {
		return err
	}
	members, err := load(f, n)
	if err != nil {
		return err
	}
	c.tell("%d beaters have keys and certificates", n)
	before := takeStock()
	p, err := open(ctx, f, c.Logger)
	if err != nil {
		return err
	}
	defer p.close()
	*out = Beaters{Count: n, Accounts: takeStock().since(before, n).Heap}
	conns, err := connectAll(ctx, p, members)
	defer func() { err = errors.Join(err, closeAll(conns)) }()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := introduceAll(ctx, members, conns); err != nil {
		return err
	}
	out.Introduced = time.Since(begun)
	c.tell("%d beaters are introduced, after %v", n, out.Introduced.Round(time.Millisecond))
	before, begun = takeStock(), time.Now()
	e, err := look(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	out.Start = time.Since(begun)
	out.Held = takeStock().since(before, 1).Heap
	if err := c.allBeat(ctx, e, members, conns, out); err != nil {
		return err
	}
	if err := others(ctx, e, members, conns); err != nil {
		return err
	}
	out.Heard, out.Refused = e.verdict()
	if out.Broker, err = c.flood(ctx, e.signed(), members, conns); err != nil {
		return err
	}
	out.Fold = e.alone()
	c.tell("%d beaters: %.0f heartbeats a second asked for, %.0f acknowledged in time, %.0f folded", n, out.Asked, out.Acked, out.Folded)
	return nil
}

func connectAll(ctx context.Context, p *place, members []*fabric.Member) ([]*streams.Conn, error) {
	conns, group := make([]*streams.Conn, len(members)), connectingGroup()
	for i, m := range members {
		group.Go(func() (err error) {
			conns[i], err = zone.Broker{URL: p.zone.URL()}.Connect(ctx, m, p.log)
			return err
		})
	}
	return conns, group.Wait()
}

func closeAll(conns []*streams.Conn) error {
	closing := connectingGroup()
	for _, c := range conns {
		if c != nil {
			closing.Go(func() error { c.Close(); return nil })
		}
	}
	return closing.Wait()
}

// introduceAll puts everybody's credential on the ledger.
func introduceAll(ctx context.Context, members []*fabric.Member, conns []*streams.Conn) error {
	group := connectingGroup()
	for i, m := range members {
		group.Go(func() error {
			return streams.Introduce(ctx, conns[i], schemas.Subject(zoneName, schemas.KindCredential, m.ID.Name), m.Credential)
		})
	}
	return group.Wait()
}

// allBeat lets everybody beat as participants do, for a while, and counts what becomes of it.
func (c *Config) allBeat(ctx context.Context, e *eye, members []*fabric.Member, conns []*streams.Conn, out *Beaters) error {
	out.Interval = e.interval()
	out.Asked = float64(len(members)) / out.Interval.Seconds()
	beating, stop := context.WithTimeout(ctx, c.Beat)
	defer stop()
	var sent, acked atomic.Int64
	var group errgroup.Group
	begun := time.Now()
	for i, m := range members {
		group.Go(func() error { return unlessOver(beating, beat(beating, counted{conns[i], &sent, &acked}, m, e)) })
	}
	err := group.Wait()
	took := time.Since(begun).Seconds()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out.Sent, out.Acked, out.Folded = float64(sent.Load())/took, float64(acked.Load())/took, float64(e.folded())/took
	e.settle(ctx, int(sent.Load()))
	out.Age = e.aged()
	return err
}

// others lets those beat again of whom nothing was heard while all did, a few at a time: whether their heartbeats are
// good is another question than how many fit.
func others(ctx context.Context, e *eye, members []*fabric.Member, conns []*streams.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	group := connectingGroup()
	for i, m := range members {
		group.Go(func() error {
			for ctx.Err() == nil && !e.knows(subjectOf(m)) {
				again, stop := context.WithTimeout(ctx, lull)
				err := unlessOver(again, beat(again, conns[i], m, e))
				stop()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// beat beats as an executor does that has read the ledger.
func beat(ctx context.Context, to heartbeat.Appender, m *fabric.Member, e *eye) error {
	cfg := heartbeat.Config{Conn: to, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Read: e.says}
	if _, err := rand.Read(cfg.Incarnation[:]); err != nil {
		return fmt.Errorf("no randomness for an incarnation: %w", err)
	}
	return heartbeat.Run(ctx, cfg)
}

// counted counts what is sent, and what is acknowledged before it is given up.
type counted struct {
	*streams.Conn
	sent, acked *atomic.Int64
}

// Append implements heartbeat.Appender.
func (c counted) Append(ctx context.Context, subject string, data []byte) (uint64, error) {
	c.sent.Add(1)
	seq, err := c.Conn.Append(ctx, subject, data)
	if err == nil {
		c.acked.Add(1)
	}
	return seq, err
}

// repeat is a heartbeat that was signed before, and who may append it.
type repeat struct {
	conn    *streams.Conn
	subject string
	data    []byte
}

// flood appends heartbeats that were signed before, from every connection, as fast as the broker acknowledges them. Of
// whom none was heard has none to append.
func (c *Config) flood(ctx context.Context, signed map[string][]byte, members []*fabric.Member, conns []*streams.Conn) (rate float64, err error) {
	var all []repeat
	for i, m := range members {
		if subject := subjectOf(m); signed[subject] != nil {
			all = append(all, repeat{conns[i], subject, signed[subject]})
		}
	}
	flooding, stop := context.WithTimeout(ctx, c.Beat)
	defer stop()
	var stored atomic.Int64
	group := new(errgroup.Group)
	begun := time.Now()
	for worker := range min(floodWorkers, len(all)) {
		group.Go(func() error {
			for i := worker; flooding.Err() == nil; i = following(i, worker, len(all)) {
				if _, err := all[i].conn.Append(flooding, all[i].subject, all[i].data); err != nil {
					return unlessOver(flooding, err)
				}
				stored.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return float64(stored.Load()) / time.Since(begun).Seconds(), err
}

// floodWorkers is how many appends are on their way at a time.
const floodWorkers = 256

// following is a worker's next member: each has every so many-th.
func following(i, worker, members int) int {
	if i += floodWorkers; i < members {
		return i
	}
	return worker
}

func subjectOf(m *fabric.Member) string {
	return schemas.Subject(zoneName, schemas.KindHeartbeat, m.ID.SubjectToken())
}

// unlessOver is nil for an error that only says that the time is over.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}
