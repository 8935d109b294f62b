package flood

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/door"
)

// Options is how a zone is flooded. All fields are required but those that say
// otherwise.
type Options struct {
	Dir     string        // an empty folder
	Good    int           // agents that are to notice nothing
	Rate    float64       // actions that each of them asks for in a second
	Span    time.Duration // how long each side of a comparison is measured
	Limits  door.Limits   // of each agent; zero: door.DefaultLimits
	Relaxed bool          // records are acknowledged before they are on the disk
	Logger  *slog.Logger
}

func (o Options) check() error {
	if o.Dir == "" || o.Good < 1 || o.Rate <= 0 || o.Span <= 0 || o.Logger == nil {
		return errors.New("flood: Dir, Good, Rate, Span and Logger are required")
	}
	return nil // the broker checks the limits itself
}

func (o Options) durability() pb.Durability {
	if o.Relaxed {
		return pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	}
	return pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED
}

// Zone is a zone that is flooded. Close it.
type Zone struct {
	o    Options
	site *site
}

// Open makes a zone and waits until its good agents are served.
func Open(ctx context.Context, o Options) (*Zone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, err := open(ctx, o.Dir, o, o.Logger)
	if err != nil {
		return nil, fmt.Errorf("flood: %w", err)
	}
	return &Zone{o: o, site: s}, nil
}

// Close stops the zone.
func (z *Zone) Close() { z.site.close() }

// Seen is what the broker's door counted.
func (z *Zone) Seen() []door.Visitor {
	return z.site.zone.Broker().Server.Visitors()
}

// Latency is what the good agents waited, from the moment at which they wanted to
// ask to their answer.
type Latency struct {
	Asked         int
	Failed        int // got no answer within their deadline
	P50, P99, Max time.Duration
}

// Measure lets the good agents ask for a while.
func (z *Zone) Measure(ctx context.Context) Latency {
	var mu sync.Mutex
	var took []time.Duration
	failed := 0
	var all sync.WaitGroup
	for _, g := range z.site.good {
		all.Go(func() {
			g.steadily(ctx, z.o.Rate, z.o.Span, func(d time.Duration, err error) {
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, d); err != nil {
					failed++
				}
			})
		})
	}
	all.Wait()
	return latencyOf(took, failed)
}

func latencyOf(took []time.Duration, failed int) Latency {
	if len(took) == 0 {
		return Latency{}
	}
	slices.Sort(took)
	return Latency{Asked: len(took), Failed: failed, P50: took[len(took)/2], P99: took[len(took)*99/100], Max: took[len(took)-1]}
}

// steadily asks at a fixed rate whether or not the answers come, and waits for
// the last.
func (g *guest) steadily(ctx context.Context, rate float64, lasts time.Duration, each func(time.Duration, error)) {
	begin, step := time.Now(), time.Duration(float64(time.Second)/rate)
	var asked sync.WaitGroup
	for at := begin; at.Sub(begin) < lasts && ctx.Err() == nil; at = at.Add(step) {
		pause(ctx, time.Until(at))
		asked.Go(func() {
			err := g.ask(ctx)
			each(time.Since(at), err)
		})
	}
	asked.Wait()
}

// Noticed is a flood and what the good agents noticed of it.
type Noticed struct {
	Kind         Kind
	Quiet, Flood Latency
}

// Ratio is by how much the flood moved the good agents' p99.
func (n Noticed) Ratio() float64 { return float64(n.Flood.P99) / float64(max(n.Quiet.P99, 1)) }

// Bound is by how much one agent may move the others' p99.
const Bound = 2.0

// Holds reports whether the flood starved nobody: all were answered, and p99 stayed
// within the bound.
func (n Noticed) Holds() bool { return n.Ratio() < Bound && n.Flood.Failed == 0 }

// Least is the round in which a flood was noticed least, of as many as it takes until
// it holds: other work of the machine spoils some of them, a flood would spoil all.
func (z *Zone) Least(ctx context.Context, k Kind, rounds int) (least Noticed, err error) {
	for i := range rounds {
		n, err := z.Round(ctx, k)
		if err != nil {
			return n, err
		}
		if i == 0 || n.Flood.Failed < least.Flood.Failed || n.Flood.Failed == least.Flood.Failed && n.Ratio() < least.Ratio() {
			least = n
		}
		if n.Holds() {
			return n, nil
		}
	}
	return least, nil
}

// settle is how long a flood runs before it is measured: what it saved up while
// it was quiet is spent then.
const settle = time.Second

// Round measures quiet, then a flood of one kind.
func (z *Zone) Round(ctx context.Context, k Kind) (Noticed, error) {
	n := Noticed{Kind: k, Quiet: z.Measure(ctx)}
	flooding, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- k.attack(flooding, z.site.flood) }()
	pause(ctx, settle)
	n.Flood = z.Measure(ctx)
	stop()
	if err := <-ended; err != nil {
		return n, fmt.Errorf("flood: %s: %w", k.Name, err)
	}
	pause(ctx, settle)
	return n, ctx.Err()
}
