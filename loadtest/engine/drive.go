package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Load is one load on a zone.
type Load struct {
	Name        string
	Steps       []Step // one after another, without a pause between them
	Poisson     bool
	Outstanding int  // at most
	Closed      bool // send as soon as there are fewer outstanding, at whatever rate: steps say only how long
	Timeout     time.Duration
	Seed        uint64
	Asks        Asks
}

// Load is the parameters' own load.
func (p Params) Load(name string) Load {
	return Load{
		Name: name, Steps: []Step{{p.Rate, p.Duration}}, Closed: p.Rate == 0, Poisson: p.Poisson, Outstanding: p.Outstanding,
		Timeout: p.Timeout, Seed: p.Seed, Asks: p.Uniform(),
	}
}

// lasts is how long a load sends.
func (l Load) lasts() (sum time.Duration) {
	for _, s := range l.Steps {
		sum += s.For
	}
	return sum
}

// rate is the mean rate; 0 for a closed loop.
func (l Load) rate() float64 {
	if l.Closed || l.lasts() <= 0 {
		return 0
	}
	var actions float64
	for _, s := range l.Steps {
		actions += s.Rate * s.For.Seconds()
	}
	return actions / l.lasts().Seconds()
}

// Drive sends a load and returns when everything that was sent was answered, or can be answered no more, and the
// ledger's records of it were read. During reports what other things happen meanwhile; it may be nil. Its context ends
// with the load's last action, and its error is Drive's.
func (w *World) Drive(ctx context.Context, l Load, during func(context.Context) error) (result.Phase, error) {
	// What runs meanwhile may take a moment to begin.
	begun := time.Now().Add(10 * time.Millisecond)
	d := &drive{ctx: ctx, w: w, load: l, rec: newRecording(begun, l.lasts()), slots: make(chan struct{}, l.Outstanding)}
	sending, cancel := context.WithDeadline(ctx, d.rec.end)
	defer cancel()
	watching := make(chan error, 1)
	go func() {
		if during == nil {
			watching <- nil
			return
		}
		watching <- during(sending)
	}()
	stop := w.watchMemory(d.rec)
	d.send(sending)
	d.working.Wait()
	stop()
	if err := <-watching; err != nil {
		return result.Phase{}, err
	}
	if ctx.Err() != nil {
		return result.Phase{}, context.Cause(ctx)
	}
	if err := w.settle(ctx, d.rec); err != nil {
		return result.Phase{}, fmt.Errorf("%s: %w", l.Name, err)
	}
	w.driven = append(w.driven, d.rec)
	return d.rec.phase(l.Name, l.rate(), begun.Sub(w.begun)), nil
}

// drive is one Drive.
type drive struct {
	ctx     context.Context //nolint:containedctx // lives as long as the call
	w       *World
	load    Load
	rec     *recording
	slots   chan struct{} // one element for each action without an answer
	working sync.WaitGroup
}

// send sends the whole load, from one goroutine: so the sequence of requests does not depend on answers. Sending ends
// when a closed loop does; a schedule is sent to its end, however late.
func (d *drive) send(sending context.Context) {
	random := rand.New(rand.NewPCG(d.load.Seed, requests)) //nolint:gosec // a sequence that can be repeated is meant
	pace := newPacer(d.ctx)
	defer pace.close()
	if d.load.Closed {
		for pace.until(d.rec.begun) && d.acquire(sending) {
			d.one(time.Now(), d.load.Asks(random))
		}
		return
	}
	times := newSchedule(d.load.Steps, d.load.Poisson, d.load.Seed)
	for offset, more := times.take(); more; offset, more = times.take() {
		intended := d.rec.begun.Add(offset)
		if !pace.until(intended) || !d.acquire(d.ctx) {
			return
		}
		d.one(intended, d.load.Asks(random))
	}
}

func (d *drive) acquire(ctx context.Context) bool {
	select {
	case d.slots <- struct{}{}:
		return ctx.Err() == nil
	default:
	}
	select {
	case d.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// one sends one action in a goroutine of its own.
func (d *drive) one(intended time.Time, ask Ask) {
	d.rec.asks(intended)
	d.working.Go(func() {
		defer func() { <-d.slots }()
		t := trace{load: d.rec, intended: intended, sent: time.Now()}
		intent, fate := d.w.clients[ask.Agent].propose(d.ctx, ask, d.load.Timeout)
		t.answered, t.fate = time.Now(), fate
		d.rec.tells(t)
		d.w.traces.answered(intent, t)
	})
}

// counts are of everything that was driven, warm-up included: what the ledger acknowledged or answered, what agents were
// told was executed, and whether all of them were told something.
func (w *World) counts() (stored, executed uint64, told bool) {
	told = true
	for _, r := range w.driven {
		r.mu.Lock()
		stored += r.sent - r.fates[NotSent] - r.fates[Unanswered]
		executed += r.fates[Executed]
		told = told && r.fates[NotSent]+r.fates[Unanswered] == 0
		r.mu.Unlock()
	}
	return stored, executed, told
}

// settlePatience is how long the ledger's follower may lag behind the agents' answers.
const settlePatience = time.Minute

// settle waits until the ledger showed what agents were told.
func (w *World) settle(ctx context.Context, r *recording) error {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	for {
		if err := w.fault(); err != nil {
			return err
		}
		_, unseen := r.open()
		if unseen == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("loadtest: agents were answered, and the ledger does not show %d of those intents: %w", unseen, context.Cause(ctx))
		case <-time.After(settleLook):
		}
	}
}

const settleLook = 5 * time.Millisecond
