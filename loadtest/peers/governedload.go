package peers

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
)

// drive keeps so many questions outstanding for a time: intents appended, whose signed decisions are not stored yet. Each
// verdict is judged. Latencies count from proposing to the observer's having read the decision.
func (c *court) drive(ctx context.Context, outstanding int, lasts time.Duration) (sample, error) {
	before, err := engine.Used(os.Getpid())
	if err != nil {
		return sample{}, err
	}
	load := &governedLoad{court: c, slots: make(chan struct{}, outstanding)}
	begun := time.Now()
	sending, cancel := context.WithDeadline(ctx, begun.Add(lasts))
	defer cancel()
	if err := load.send(sending); err != nil {
		return sample{}, err
	}
	if err := load.settle(ctx, outstanding); err != nil {
		return sample{}, err
	}
	lasted := time.Since(begun)
	after, err := engine.Used(os.Getpid())
	if err != nil {
		return sample{}, err
	}
	load.mu.Lock()
	defer load.mu.Unlock()
	return sample{lasted: lasted, took: load.took, server: after - before}, c.watched.fault()
}

// governedLoad is one drive.
type governedLoad struct {
	court *court
	slots chan struct{} // one element for each question without a decision

	mu   sync.Mutex
	took []time.Duration
}

// send asks until its context ends.
func (l *governedLoad) send(ctx context.Context) error {
	questions := l.court.task.Questions
	for i := 0; l.acquire(ctx); i++ {
		if err := l.one(questions[i%len(questions)]); err != nil {
			return err
		}
	}
	return l.court.watched.fault()
}

// acquire waits until fewer are outstanding; false when there is nothing more to send.
func (l *governedLoad) acquire(ctx context.Context) bool {
	select {
	case <-l.court.watched.over:
		return false
	case <-ctx.Done():
		return false
	case l.slots <- struct{}{}:
	}
	if ctx.Err() != nil {
		<-l.slots
		return false
	}
	return true
}

func (l *governedLoad) one(q Question) error {
	sent := time.Now()
	return l.court.askers[q.Agent].propose(q,
		func(intent trust.Digest) {
			l.court.watched.expect(intent, waiting{question: q, sent: sent, decided: l.decided})
		},
		func(err error) { l.court.watched.fail(fmt.Errorf("peers: an intent was not stored: %w", err)) },
	)
}

func (l *governedLoad) decided(took time.Duration) {
	l.mu.Lock()
	l.took = append(l.took, took)
	l.mu.Unlock()
	<-l.slots
}

// settle waits for the decisions that are still to come.
func (l *governedLoad) settle(ctx context.Context, outstanding int) error {
	within := time.NewTimer(deadlineAfter)
	defer within.Stop()
	for range outstanding {
		select {
		case l.slots <- struct{}{}:
		case <-l.court.watched.over:
			return l.court.watched.fault()
		case <-within.C:
			return errLost
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// measure asks every question once, warms up and measures.
func (c *court) measure(ctx context.Context, outstanding int, lasts time.Duration) (sample, error) {
	load := &governedLoad{court: c, slots: make(chan struct{}, len(c.task.Questions))}
	for _, q := range c.task.Questions {
		load.slots <- struct{}{}
		if err := load.one(q); err != nil {
			return sample{}, err
		}
	}
	if err := load.settle(ctx, len(c.task.Questions)); err != nil {
		return sample{}, err
	}
	if _, err := c.drive(ctx, outstanding, warm(lasts)); err != nil {
		return sample{}, err
	}
	return c.drive(ctx, outstanding, lasts)
}
