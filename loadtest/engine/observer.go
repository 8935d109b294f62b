package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// observer follows the ledger and notes when it saw what. It believes what it reads, without a signature checked, so
// that it costs the machine little: what a record is worth is for the audit to say.
type observer struct {
	conn   *streams.Conn
	traces *traces
	stop   func()

	mu     sync.Mutex
	starts []time.Time // that outcomes state, while somebody watches for them
	watch  bool
	failed error
	sum    tally
}

// tally is what was read so far.
type tally struct{ records, bytes uint64 }

// sight is what one record says of intents.
type sight struct {
	at    time.Time
	bytes int
	stage stage
	items []sighting
}

type sighting struct {
	intent  trust.Digest
	started time.Time
}

// observe follows a ledger from its end on, until stop.
func observe(ctx context.Context, conn *streams.Conn, t *traces) (*observer, error) {
	from, err := conn.Last(ctx)
	if err != nil {
		return nil, fmt.Errorf("loadtest: reading the ledger's end: %w", err)
	}
	o := &observer{conn: conn, traces: t}
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	caught, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		cfg := streams.FollowConfig{FromSeq: from + 1, CaughtUp: func(uint64) { close(caught) }}
		if err := streams.Follow(following, conn, cfg, look, o.step); !errors.Is(err, context.Canceled) {
			o.fail(err)
		}
	}()
	o.stop = func() {
		cancel()
		<-done
	}
	select {
	case <-caught:
		return o, nil
	case <-done:
		return nil, o.fault()
	case <-ctx.Done():
		o.stop()
		return nil, context.Cause(ctx)
	}
}

// close ends following, and the connection.
func (o *observer) close() {
	o.stop()
	o.conn.Close()
}

func (o *observer) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = fmt.Errorf("loadtest: following the ledger: %w", err)
}

// fault is why the ledger cannot be followed any more; nil while it can.
func (o *observer) fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

// stages by the kind of the record that shows them.
var stages = map[schemas.Kind]stage{
	schemas.KindIntent: stored, schemas.KindDecision: decided, schemas.KindClaim: claimed, schemas.KindOutcome: outcome,
}

// look reads a record. What is no list of items shows nothing.
func look(raw streams.Raw) sight {
	s := sight{at: time.Now(), bytes: len(raw.Data)}
	_, kind, _, err := schemas.LedgerSubject(raw.Subject)
	stage, ok := stages[kind]
	if raw.Foreign || err != nil || !ok {
		return s
	}
	env, err := trust.ParseEnvelope(raw.Data)
	if err != nil || env.PayloadType != kind.PayloadType() {
		return s
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return s
	}
	s.stage = stage
	for _, item := range items {
		if seen, ok := sightingOf(stage, item); ok {
			s.items = append(s.items, seen)
		}
	}
	return s
}

func sightingOf(s stage, item []byte) (sighting, bool) {
	switch s {
	case stored:
		return sighting{intent: trust.DigestOf(item)}, true
	case decided:
		d := new(pb.Decision)
		return sighted(item, d, d.GetIntentDigest)
	case claimed:
		c := new(pb.Claim)
		return sighted(item, c, c.GetIntentDigest)
	case outcome:
		o := new(pb.Outcome)
		seen, ok := sighted(item, o, o.GetIntentDigest)
		if ok && o.GetStarted() != nil {
			seen.started = o.GetStarted().AsTime()
		}
		return seen, ok
	case nowhere:
	}
	return sighting{}, false
}

func sighted(item []byte, into proto.Message, intent func() []byte) (sighting, bool) {
	if schemas.DecodeUnchecked(item, schemas.MaxItem, into) != nil {
		return sighting{}, false
	}
	digest, ok := trust.DigestFrom(intent())
	return sighting{intent: digest}, ok
}

func (o *observer) step(s sight, _ bool) error {
	for _, item := range s.items {
		o.traces.seen(s.stage, item.intent, s.at, item.started)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sum.records++
	o.sum.bytes += uint64(s.bytes) //nolint:gosec // a size
	if o.watch {
		for _, item := range s.items {
			if !item.started.IsZero() {
				o.starts = append(o.starts, item.started)
			}
		}
	}
	return nil
}

// tally is what was read so far.
func (o *observer) tally() tally {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sum
}

// keepStarts begins to keep when actions started.
func (o *observer) keepStarts() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watch = true
}

// started returns when actions started, in no order.
func (o *observer) started() []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.starts...)
}
