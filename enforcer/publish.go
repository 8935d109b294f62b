package enforcer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// publisher publishes decisions by rank: those below the threshold at once,
// each further rank after one more hedging delay, and only where the ledger
// still lacks a quorum. Duplicates are harmless, so there is no election.
type publisher struct {
	e    *Enforcer
	wake chan struct{}

	mu    sync.Mutex
	held  []heldDecision // oldest first
	waits map[verdict.Round]bool
}

type heldDecision struct {
	verdict.Derived
	due time.Time
}

func newPublisher(e *Enforcer) *publisher {
	return &publisher{e: e, wake: make(chan struct{}, 1), waits: make(map[verdict.Round]bool)}
}

// start runs the hedging until the returned function has been called.
func (p *publisher) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.hedge(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// rankOf is the enforcer's rank in the release; one that the directory does not
// list publishes nothing that counts.
func rankOf(rules *verdict.Rules, id trust.Identity) int {
	entry, ok := rules.Release.Identity(id)
	if !ok {
		return -1
	}
	return int(entry.Proto.GetRank())
}

func (p *publisher) add(d verdict.Derived, rank int) {
	release := d.Rules.Release
	threshold := int(release.Proto.GetDecisionThreshold())
	switch {
	case rank < 0:
		return
	case rank < threshold:
		p.send(d)
	default:
		p.hold(d, time.Duration(rank-threshold+1)*release.Bounds.Hedge)
	}
}

func (p *publisher) hold(d verdict.Derived, wait time.Duration) {
	p.mu.Lock()
	p.held = append(p.held, heldDecision{d, time.Now().Add(wait)})
	p.waits[d.Round] = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// settled says that a quorum of the round is on the ledger.
func (p *publisher) settled(round verdict.Round) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waits, round)
}

// hedge publishes held decisions when their turn comes.
func (p *publisher) hedge(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if wait, some := p.release(time.Now()); some {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// release sends what is due and still waited for; it returns how long until the
// next one is.
func (p *publisher) release(now time.Time) (wait time.Duration, some bool) {
	p.mu.Lock()
	var due []verdict.Derived
	for len(p.held) > 0 && !p.held[0].due.After(now) {
		if round := p.held[0].Round; p.waits[round] {
			due = append(due, p.held[0].Derived)
			delete(p.waits, round)
		}
		p.held = p.held[1:]
	}
	if len(p.held) > 0 {
		wait, some = p.held[0].due.Sub(now), true
	}
	p.mu.Unlock()
	for _, d := range due {
		p.send(d)
	}
	return wait, some
}

const retryAfter = 200 * time.Millisecond

func (p *publisher) send(d verdict.Derived) {
	subject := schemas.Subject(p.e.cfg.ID.Zone, schemas.KindDecision, verdict.Subject(d.Decision))
	sent := time.Now()
	p.e.box.Add(subject, d.Data, func(s outbox.Sent) {
		switch {
		case s.Err == nil:
			p.e.cfg.Meter.Recorded(time.Since(sent))
			p.answer(d, s.Position)
		case errors.Is(s.Err, streams.ErrUnknown), errors.Is(s.Err, streams.ErrUnreachable):
			// A second copy of a decision is harmless; a missing one denies.
			time.AfterFunc(retryAfter, func() { p.send(d) })
		case errors.Is(s.Err, outbox.ErrClosed):
		default:
			p.e.cfg.Logger.Error("a decision was refused by the ledger; the deadline will deny", "intent", d.Round.Intent, "err", s.Err)
		}
	})
}

func (p *publisher) answer(d verdict.Derived, at ledger.Position) {
	id, err := trust.ParseIdentity(d.Decision.GetAgent())
	if err != nil {
		return // decisions carry the authenticated signer
	}
	add := p.e.answers.Add
	if d.Decision.GetVerdict() == pb.Verdict_VERDICT_ALLOW && !d.Decision.GetEvaluation() {
		add = p.e.answers.AddLazily // what it waits for is the outcome
	}
	add(id.Name, func() *pb.Answer {
		return &pb.Answer{
			IntentDigest: d.Decision.GetIntentDigest(), Position: at.Proto(),
			Body: &pb.Answer_Decision{Decision: d.Data}, Explanation: d.Explain(),
		}
	})
}
