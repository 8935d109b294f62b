package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
)

// errVerdict reports an engine that answers otherwise than the task wants: no figure is taken of it.
var errVerdict = errors.New("a wrong answer")

// agree asks every question once and demands the right answer.
func (s *server) agree(ctx context.Context) error {
	for i, q := range s.task.Questions {
		if err := s.check(ctx, i, q); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) check(ctx context.Context, i int, q Question) error {
	allowed, err := s.ask(ctx, i)
	if err != nil {
		return err
	}
	return q.judge(allowed)
}

// judge demands the right answer.
func (q Question) judge(allowed bool) error {
	if allowed != q.Allow {
		return fmt.Errorf("%w: agent %d, %s %s, amount %d: got allow=%v", errVerdict, q.Agent, q.Tool, q.Resource, q.Amount, allowed)
	}
	return nil
}

// drive keeps so many questions outstanding for a time. Each answer is judged. Latencies count from sending to the answer read.
func (s *server) drive(ctx context.Context, outstanding int, lasts time.Duration) (sample, error) {
	before, err := s.used()
	if err != nil {
		return sample{}, err
	}
	begun := time.Now()
	end := begun.Add(lasts)
	took := make([][]time.Duration, outstanding)
	errs := make([]error, outstanding)
	var working sync.WaitGroup
	for w := range outstanding {
		working.Go(func() {
			for i := w; errs[w] == nil && time.Now().Before(end) && ctx.Err() == nil; i += outstanding {
				n := i % len(s.task.Questions)
				sent := time.Now()
				errs[w] = s.check(ctx, n, s.task.Questions[n])
				took[w] = append(took[w], time.Since(sent))
			}
		})
	}
	working.Wait()
	lasted := time.Since(begun)
	after, err := s.used()
	if err := errors.Join(append(errs, err, context.Cause(ctx))...); err != nil {
		return sample{}, err
	}
	m := sample{lasted: lasted, server: after.server - before.server, client: after.client - before.client}
	for _, some := range took {
		m.took = append(m.took, some...)
	}
	return m, nil
}

// sample is what one load measured.
type sample struct {
	lasted         time.Duration
	took           []time.Duration // each answer's latency
	server, client time.Duration   // processor time
}

// line is the sample as a result says it.
func (m sample) line(who string, policies, outstanding int) Decisions {
	d := Decisions{Engine: who, Policies: policies, Outstanding: outstanding, Count: len(m.took)}
	if d.Count == 0 {
		return d
	}
	d.PerSecond = float64(d.Count) / m.lasted.Seconds()
	d.Latency = engine.Distribution("decided", m.took)
	d.ServerCPU, d.ClientCPU = m.server/time.Duration(d.Count), m.client/time.Duration(d.Count)
	return d
}

// usage is processor time.
type usage struct{ server, client time.Duration }

func (s *server) used() (u usage, err error) {
	if s.process != nil {
		if u.server, err = engine.Used(s.process.cmd.Process.Pid); err != nil {
			return usage{}, fmt.Errorf("peers: what the server uses: %w", err)
		}
	}
	if u.client, err = engine.Used(os.Getpid()); err != nil {
		return usage{}, fmt.Errorf("peers: what the client uses: %w", err)
	}
	return u, nil
}

// warm is how long a load runs before it is measured.
func warm(lasts time.Duration) time.Duration { return min(lasts/3, 2*time.Second) }

// measure checks every answer, warms up and measures.
func (s *server) measure(ctx context.Context, outstanding int, lasts time.Duration) (sample, error) {
	if err := s.agree(ctx); err != nil {
		return sample{}, err
	}
	if _, err := s.drive(ctx, outstanding, warm(lasts)); err != nil {
		return sample{}, err
	}
	return s.drive(ctx, outstanding, lasts)
}
