package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// watch follows a ledger and pairs each stored decision with the question that waits for it.
type watch struct {
	signer trust.PublicKey
	stop   func()

	mu      sync.Mutex
	waiting map[trust.Digest]waiting // by intent
	failed  error                    // the first thing that went wrong
	over    chan struct{}            // closed with failed
	sampled []*trust.Envelope        // some of the records that were counted
	records int
}

// waiting is a question without its decision.
type waiting struct {
	question Question
	sent     time.Time
	decided  func(time.Duration)
}

// sampleEvery is of how many records of decisions one is kept, to verify its signature when nothing is measured any more.
const sampleEvery = 32

// seen is one record of decisions.
type seen struct {
	at        time.Time
	envelope  *trust.Envelope
	decisions []*pb.Decision
}

// watchDecisions follows from the ledger's end on. Signer is the only one who may decide.
func watchDecisions(ctx context.Context, conn *streams.Conn, signer trust.PublicKey) (*watch, error) {
	from, err := conn.Last(ctx)
	if err != nil {
		return nil, fmt.Errorf("peers: reading the ledger's end: %w", err)
	}
	w := &watch{signer: signer, waiting: make(map[trust.Digest]waiting), over: make(chan struct{})}
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		err := streams.Follow(following, conn, streams.FollowConfig{FromSeq: from + 1}, look, w.step)
		if !errors.Is(err, context.Canceled) {
			w.fail(fmt.Errorf("peers: following the ledger: %w", err))
		}
	})
	w.stop = func() {
		cancel()
		done.Wait()
	}
	return w, nil
}

// look reads a record; of what is no decisions it keeps nothing.
func look(raw streams.Raw) (s seen) {
	_, kind, _, err := schemas.LedgerSubject(raw.Subject)
	if raw.Foreign || err != nil || kind != schemas.KindDecision {
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
	s.at, s.envelope = time.Now(), env
	for _, item := range items {
		s.decisions = append(s.decisions, permit.ReadDecision(item))
	}
	return s
}

func (w *watch) step(s seen, _ bool) error {
	if s.envelope == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.records%sampleEvery == 0 {
		w.sampled = append(w.sampled, s.envelope)
	}
	w.records++
	for _, d := range s.decisions {
		w.pair(s.at, d)
	}
	return nil
}

// pair settles the question that a decision answers. It is called with mu held.
func (w *watch) pair(at time.Time, d *pb.Decision) {
	intent, ok := trust.DigestFrom(d.GetIntentDigest())
	one, waits := w.waiting[intent]
	if !ok || !waits {
		return
	}
	delete(w.waiting, intent)
	if err := one.question.judge(d.GetVerdict() == pb.Verdict_VERDICT_ALLOW); err != nil {
		w.failLocked(fmt.Errorf("%w, with %v", err, d.GetReasons()))
	}
	one.decided(at.Sub(one.sent))
}

// expect says that a decision is waited for.
func (w *watch) expect(intent trust.Digest, one waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[intent] = one
}

func (w *watch) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(err)
}

func (w *watch) failLocked(err error) {
	if w.failed == nil {
		w.failed = err
		close(w.over)
	}
}

// fault is what went wrong; nil if nothing did.
func (w *watch) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// verify looks at the signatures of the records that were kept.
func (w *watch) verify() (records int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, env := range w.sampled {
		if !env.VerifiedBy(0, w.signer) {
			return 0, errors.New("peers: a decision that was counted does not carry the enforcer's signature")
		}
	}
	return len(w.sampled), nil
}
