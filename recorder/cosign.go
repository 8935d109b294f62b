package recorder

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// askAgain is how often a checkpoint that witnesses have not cosigned yet is
// brought before them again.
const askAgain = time.Second

// askWitnesses has the newest checkpoint cosigned, one at a time: those that are
// signed meanwhile are covered by the next. Signing never waits for it.
func (r *Recorder) askWitnesses(ctx context.Context) error {
	if len(r.witnesses) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.cosign:
		case <-again.C:
		}
		if s := r.newest(); s != nil {
			if err := r.round(ctx, s); err != nil {
				return err
			}
		}
	}
}

func (r *Recorder) newest() *signed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signed
}

// round asks every witness that has not cosigned this checkpoint, in parallel,
// and publishes it with what they add.
func (r *Recorder) round(ctx context.Context, s *signed) error {
	answers := make([][]byte, len(r.witnesses))
	var all sync.WaitGroup
	for i, w := range r.witnesses {
		if !w.waits(s, time.Now()) {
			all.Go(func() { answers[i] = r.askOne(ctx, w, s) })
		}
	}
	all.Wait()
	note := s.note
	for _, lines := range answers {
		note = slices.Concat(note, lines)
	}
	if len(note) == len(s.note) {
		return nil
	}
	return r.cosigned(ctx, s, note)
}

func (r *Recorder) askOne(ctx context.Context, w *witness, s *signed) []byte {
	lines, err := w.cosign(ctx, s)
	if err == nil {
		w.succeeded()
		return lines
	}
	w.failed(time.Now())
	if ctx.Err() == nil && bits.OnesCount(uint(w.failures)) == 1 {
		r.cfg.Logger.Warn("a witness did not cosign", "witness", w.name, "size", s.Size, "err", err, "in_a_row", w.failures)
	}
	return nil
}

// cosigned takes a checkpoint with cosignatures: onto the disk, if no newer one
// was signed meanwhile, and to whoever reads checkpoints.
func (r *Recorder) cosigned(ctx context.Context, s *signed, note []byte) error {
	opened, err := s.keys.Open(note)
	if err != nil {
		r.cfg.Logger.Error("a checkpoint with its cosignatures does not verify", "size", s.Size, "err", err)
		return nil
	}
	if err := r.keep(s, note, len(opened.Cosigned)); err != nil {
		return err
	}
	r.publish(ctx, note)
	return nil
}

// keep writes a cosigned note over the one without.
func (r *Recorder) keep(s *signed, note []byte, cosigned int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signed != s {
		return nil
	}
	if err := r.book.tree.SetCheckpoint(note); err != nil {
		return err
	}
	better := *s
	better.note, better.cosigned = note, cosigned
	r.signed = &better
	r.tell(func(now *Status) { now.Cosigned = cosigned })
	ring(r.now)
	return nil
}
