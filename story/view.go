package story

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// view is what the story's own reader has seen on the ledger: it follows and
// judges by the same rules as everybody else. Safe for concurrent use.
type view struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each record
	failed  error

	logTime   time.Time
	last      uint64
	noise     map[uint64]pb.Reason
	intents   map[trust.Digest][]ledger.Position
	decisions map[trust.Digest][]decision
	claims    map[trust.Digest][]claim
	outcomes  map[trust.Digest][]outcome
	book      *permit.Book
}

type decision struct {
	at      ledger.Position
	logTime time.Time
	*pb.Decision
}

type claim struct {
	at   ledger.Position
	void pb.Reason // 0: valid
}

type outcome struct {
	at     ledger.Position
	status pb.Status
}

func newView() *view {
	return &view{
		changed: make(chan struct{}), noise: map[uint64]pb.Reason{}, intents: map[trust.Digest][]ledger.Position{},
		decisions: map[trust.Digest][]decision{}, claims: map[trust.Digest][]claim{}, outcomes: map[trust.Digest][]outcome{},
		book: permit.NewBook(permit.Owner{}),
	}
}

// follow reads until ctx ends. The audience hears of each message before anybody who
// awaits it goes on.
func (v *view) follow(ctx context.Context, cfg feed.Config, a *audience) {
	err := feed.Run(ctx, cfg, prepare, func(f *ledger.Fold, ev feed.Event[ahead]) error {
		if err := a.hear(f, ev); err != nil {
			return err
		}
		v.step(f, ev)
		return nil
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failed = err
	v.wake()
}

func (v *view) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *view) step(f *ledger.Fold, ev feed.Event[ahead]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer v.wake()
	v.last, v.logTime = ev.Seq, f.LogTime()
	if ev.Noise != nil {
		v.noise[ev.Seq] = schemas.ReasonOf(ev.Noise)
		return
	}
	for i, item := range ev.Record.Items {
		at := ledger.Position{Seq: ev.Seq, Index: uint32(i)}
		v.item(f, ev.Record, at, item)
	}
}

func (v *view) item(f *ledger.Fold, rec ledger.Record, at ledger.Position, item ledger.Item) {
	switch rec.Kind { //nolint:exhaustive // the other kinds are no lists
	case schemas.KindIntent:
		v.intents[item.Digest] = append(v.intents[item.Digest], at)
	case schemas.KindDecision:
		d := permit.ReadDecision(item.Bytes)
		v.book.Decide(f, rec.Token, rec.Signer.ID, item, d)
		digest, _ := trust.DigestFrom(d.GetIntentDigest())
		v.decisions[digest] = append(v.decisions[digest], decision{at, rec.LogTime, d})
	case schemas.KindClaim:
		r := v.book.Claim(f, rec.Token, rec.Signer.ID, at, item)
		v.claims[r.Intent] = append(v.claims[r.Intent], claim{at, r.Void})
	case schemas.KindOutcome:
		o := new(pb.Outcome)
		if schemas.Decode(item.Bytes, schemas.MaxItem, o) == nil {
			digest, _ := trust.DigestFrom(o.GetIntentDigest())
			v.outcomes[digest] = append(v.outcomes[digest], outcome{at, o.GetStatus()})
		}
	default:
	}
}

// patience is how long the story waits for one thing to happen.
const patience = 15 * time.Second

// await waits until seen, which is called with the view locked, is true.
func (v *view) await(ctx context.Context, what string, seen func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		v.mu.Lock()
		done, failed, changed := seen(), v.failed, v.changed
		v.mu.Unlock()
		switch {
		case done:
			return nil
		case failed != nil:
			return fmt.Errorf("story: the ledger cannot be followed: %w", failed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("story: waited in vain for %s: %w", what, ctx.Err())
		}
	}
}

// awaitDecision is the first decision on an intent.
func (v *view) awaitDecision(ctx context.Context, intent trust.Digest) (d decision, err error) {
	err = v.await(ctx, "a decision on "+intent.Short(), func() bool {
		if all := v.decisions[intent]; len(all) > 0 {
			d = all[0]
		}
		return d.Decision != nil
	})
	return d, err
}

// awaitNoise is why the message at a sequence is noise; 0 if it is a record.
func (v *view) awaitNoise(ctx context.Context, seq uint64) (r pb.Reason, err error) {
	err = v.await(ctx, fmt.Sprintf("the message at %d", seq), func() bool {
		r = v.noise[seq]
		return v.last >= seq
	})
	return r, err
}

// awaitVoid is why the first claim on an intent is void; 0 if it is valid.
func (v *view) awaitVoid(ctx context.Context, intent trust.Digest) (void pb.Reason, err error) {
	err = v.await(ctx, "a claim on "+intent.Short(), func() bool {
		if len(v.claims[intent]) == 0 {
			return false
		}
		void = v.claims[intent][0].void
		return true
	})
	return void, err
}

// awaitAll waits until everything that stands in a step's places was read.
func (v *view) awaitAll(ctx context.Context, step *Step) error {
	return v.await(ctx, "the records of step "+step.Number, func() bool { return v.last >= step.last })
}

// counts is how many decisions, claims and outcomes an intent has now.
func (v *view) counts(intent trust.Digest) (decisions, claims, outcomes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.decisions[intent]), len(v.claims[intent]), len(v.outcomes[intent])
}

// where is the first position of an intent.
func (v *view) where(intent trust.Digest) ledger.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	if all := v.intents[intent]; len(all) > 0 {
		return all[0]
	}
	return ledger.Position{}
}
