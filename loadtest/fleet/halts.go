package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	// mostHalts is how many halts may be in force at a time for this to work; the protocol allows more.
	mostHalts = 200
	// patience is how long followers may take to start, or to fold one halt, besides what each of them adds.
	patience         = 2 * time.Minute
	patienceWithEach = 20 * time.Millisecond
	// between two halts, so that one does not wait behind another.
	between = 100 * time.Millisecond
)

// halts measures followers: what they hold in memory, and how halts reach them.
func (c *Config) halts(ctx context.Context, dir string, n int, size *Size) (err error) {
	f, err := create(dir, identities(connections(n, c.PerConnection)))
	if err != nil {
		return err
	}
	p, err := open(ctx, f, c.Logger)
	if err != nil {
		return err
	}
	defer p.close()
	if c.Quiet {
		stop := p.rustle(ctx)
		defer stop()
	} else if err := p.pulse(ctx); err != nil {
		return err
	}
	before, begun := takeStock(), time.Now()
	waiting, cancel := context.WithTimeout(ctx, patience+time.Duration(n)*patienceWithEach)
	defer cancel()
	t, err := follow(waiting, p, n, c.PerConnection)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	took := time.Since(begun)
	size.Memory = takeStock().since(before, n)
	size.Memory.CaughtUp = took
	c.tell("%d followers have read the ledger after %v", n, took.Round(time.Millisecond))
	if err := c.profile(n); err != nil {
		return err
	}
	sent, err := t.haltAgain(ctx, c.Halts)
	if err != nil {
		return err
	}
	if size.Halts, err = t.judge(sent); err != nil {
		return err
	}
	size.Halts.Own, err = own(ctx, f, p.gov.Conn(), sent)
	c.tell("%d followers have folded %d halts; the last one after %v (median), %v (max)", n, len(sent), size.Halts.Last.P50, size.Halts.Last.Max)
	return err
}

// haltAgain appends halts, one after the other, each when every follower has folded the one before.
func (t *troop) haltAgain(ctx context.Context, halts int) ([]zone.Sent, error) {
	var all []zone.Sent
	for i := range halts {
		record, err := t.place.gov.Sign(zone.HaltRecord(&pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: tool}, fmt.Sprintf("halt %d of the fleet", i+1)))
		if err != nil {
			return nil, err
		}
		sent, err := t.place.gov.Send(ctx, record)
		if err != nil {
			return nil, err
		}
		all = append(all, sent)
		waiting, cancel := context.WithTimeout(ctx, patience+time.Duration(len(t.followers))*patienceWithEach)
		err = t.await(waiting, len(t.followers)*(i+1))
		cancel()
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			return all, nil //nolint:nilerr // who has not folded it by now is what the result says
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(between):
		}
	}
	return all, nil
}

// judge collects what the followers saw of the halts.
func (t *troop) judge(sent []zone.Sent) (Halts, error) {
	h := Halts{Count: len(sent), Folded: len(t.followers)}
	var arrived, each, last []time.Duration
	for _, s := range sent {
		folded, slowest := 0, time.Duration(0)
		for _, x := range t.followers {
			saw, ok := x.sighting(s.Seq)
			if !ok || !saw.inForce {
				continue
			}
			folded++
			arrived = append(arrived, max(saw.arrived.Sub(s.Acked), 0))
			each = append(each, max(saw.folded.Sub(s.Acked), 0))
			slowest = max(slowest, saw.folded.Sub(s.Acked))
		}
		h.Folded, last = min(h.Folded, folded), append(last, slowest)
	}
	if len(sent) == 0 {
		return Halts{}, errors.New("no halt was sent")
	}
	h.Arrived, h.Each, h.Last = engine.Distribution("arrived", arrived), engine.Distribution("folded", each), engine.Distribution("folded by the last", last)
	return h, nil
}

// sighting is what a follower saw of the record at a position.
func (x *follower) sighting(seq uint64) (sighting, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(x.seen, func(s sighting) bool { return s.seq == seq })
	if i < 0 {
		return sighting{}, false
	}
	return x.seen[i], true
}

// own is how long one follower by itself takes to verify and fold a halt, in the median: nobody else's work is in it.
func own(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, sent []zone.Sent) (time.Duration, error) {
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: zoneName, Keys: keys}, ledger.NewFold(f.Ledger, keys)
	var took []time.Duration
	_, err := streams.Read(ctx, conn, streams.ReadConfig{}, func(raw streams.Raw) error {
		begun := time.Now()
		_, _ = fold.Step(parser.Parse(feed.Raw(raw))) // noise changes nothing
		if slices.ContainsFunc(sent, func(s zone.Sent) bool { return s.Seq == raw.Seq }) {
			took = append(took, time.Since(begun))
		}
		return nil
	})
	if err != nil || len(took) == 0 {
		return 0, err
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
