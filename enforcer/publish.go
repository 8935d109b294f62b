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

// decision is one decision of one's own, ready to be published.
type decision struct {
	position ledger.Position
	proto    *pb.Decision
	data     []byte
	explain  func() string // nil for ALLOW
}

// publisher publishes decisions by rank: those below the threshold at once,
// each further rank after one more hedging delay, and only where the ledger
// still lacks a quorum. Duplicates are harmless, so there is no election.
type publisher struct {
	e    *Enforcer
	wake chan struct{}

	mu    sync.Mutex
	held  []heldDecision // oldest first
	waits map[ledger.Position]bool
}

type heldDecision struct {
	decision
	due time.Time
}

func newPublisher(e *Enforcer) *publisher {
	return &publisher{e: e, wake: make(chan struct{}, 1), waits: make(map[ledger.Position]bool)}
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

func (p *publisher) add(d decision, rank int, rules *verdict.Rules) {
	threshold := int(rules.Release.Proto.GetDecisionThreshold())
	switch {
	case rank < 0:
		return
	case rank < threshold:
		p.send(d)
	default:
		p.hold(d, time.Duration(rank-threshold+1)*rules.Release.Bounds.Hedge)
	}
}

func (p *publisher) hold(d decision, wait time.Duration) {
	p.mu.Lock()
	p.held = append(p.held, heldDecision{d, time.Now().Add(wait)})
	p.waits[d.position] = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// settled says that a quorum on the intent is on the ledger.
func (p *publisher) settled(at ledger.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waits, at)
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
	var due []decision
	for len(p.held) > 0 && !p.held[0].due.After(now) {
		if at := p.held[0].position; p.waits[at] {
			due = append(due, p.held[0].decision)
			delete(p.waits, at)
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

func (p *publisher) send(d decision) {
	subject := schemas.Subject(p.e.cfg.ID.Zone, schemas.KindDecision, verdict.Subject(d.proto))
	p.e.box.Add(subject, d.data, func(s outbox.Sent) {
		switch {
		case s.Err == nil:
			p.answer(d, s.Position)
		case errors.Is(s.Err, streams.ErrUnknown), errors.Is(s.Err, streams.ErrUnreachable):
			// A second copy of a decision is harmless; a missing one denies.
			time.AfterFunc(retryAfter, func() { p.send(d) })
		case errors.Is(s.Err, outbox.ErrClosed):
		default:
			p.e.cfg.Logger.Error("a decision was refused by the ledger; the deadline will deny", "intent", d.position, "err", s.Err)
		}
	})
}

func (p *publisher) answer(d decision, at ledger.Position) {
	id, err := trust.ParseIdentity(d.proto.GetAgent())
	if err != nil {
		return // decisions carry the authenticated signer
	}
	p.e.answers.Add(id.Name, func() *pb.Answer {
		a := &pb.Answer{
			IntentDigest: d.proto.GetIntentDigest(), Position: at.Proto(),
			Body: &pb.Answer_Decision{Decision: d.data},
		}
		if d.explain != nil {
			a.Explanation = d.explain()
		}
		return a
	})
}
