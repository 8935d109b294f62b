package desk

import (
	"context"
	"errors"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
)

// TestOnlyWhatIsWaitedForIsDone, and that once.
func TestOnlyWhatIsWaitedForIsDone(t *testing.T) {
	var d Desk
	mine, other := trust.DigestOf([]byte("mine")), trust.DigestOf([]byte("other"))
	acts := 0
	act := func(context.Context, executor.Action) (executor.Result, error) {
		acts++
		return executor.Result{Data: []byte("done")}, nil
	}
	handle := func(intent trust.Digest) error {
		_, err := d.Handle(t.Context(), executor.Action{Digest: intent})
		return err
	}
	if err := handle(mine); !errors.Is(err, ErrNobodyWaits) {
		t.Fatalf("an empty desk: %v", err)
	}
	d.Expect(mine, act)
	if err := handle(other); !errors.Is(err, ErrNobodyWaits) || acts != 0 {
		t.Fatalf("another's intent: %v, %d acts", err, acts)
	}
	if err := handle(mine); err != nil || acts != 1 {
		t.Fatalf("what is waited for: %v, %d acts", err, acts)
	}
	if err := handle(mine); !errors.Is(err, ErrNobodyWaits) || acts != 1 {
		t.Fatalf("a second permit: %v, %d acts", err, acts)
	}
	d.Expect(other, act)
	d.Forget(other)
	if err := handle(other); !errors.Is(err, ErrNobodyWaits) || acts != 1 {
		t.Fatalf("given up: %v, %d acts", err, acts)
	}
}
