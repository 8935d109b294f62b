package streams

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Introduce appends a participant's credential, trying again while the ledger
// cannot be reached or the answer is unknown: a second copy is noise and harms
// nobody. It ends with success, with ErrRefused, or with ctx's error.
func Introduce(ctx context.Context, c *Conn, subject string, credential []byte) error {
	const wait = 200 * time.Millisecond
	for {
		_, err := c.Append(ctx, subject, credential)
		if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrClosed) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w; if the broker runs, its log says why it stores nothing", ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}
