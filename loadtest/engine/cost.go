package engine

import (
	"context"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
)

// Handlers makes the handlers of one executor: each action takes what it costs, and can be interrupted while it waits.
func (c Cost) Handlers(_ string, tools []string) (map[string]executor.Handler, error) {
	handlers := make(map[string]executor.Handler, len(tools))
	for _, tool := range tools {
		handlers[tool] = executor.HandlerFunc(c.handle)
	}
	return handlers, nil
}

// Digest is of what the tools do, as heartbeats state it.
func (c Cost) Digest() trust.Digest {
	return trust.DigestOf([]byte(c.CPU.String() + " " + c.Sleep.String()))
}

func (c Cost) handle(ctx context.Context, _ executor.Action) (executor.Result, error) {
	spin(c.CPU)
	if c.Sleep <= 0 {
		return executor.Result{}, nil
	}
	timer := time.NewTimer(c.Sleep)
	defer timer.Stop()
	select {
	case <-timer.C:
		return executor.Result{}, nil
	case <-ctx.Done():
		return executor.Result{}, context.Cause(ctx)
	}
}

// spin keeps a processor busy. On a machine that is busy itself it takes less of it than it lasts.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		_ = trust.DigestOf(nil)
	}
}
