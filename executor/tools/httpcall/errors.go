package httpcall

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrRefused reports a call that this tool does not make. Nothing was sent.
	ErrRefused = errors.New("refused")
	// ErrUncertain reports a request that may have arrived, without a whole answer.
	// Whether it took effect must be asked of the server; the fencing token and the
	// intent's digest that it carried tell it apart.
	ErrUncertain = errors.New("uncertain")
)

// maxQuoted is how much of a failure's body an error quotes, in bytes.
const maxQuoted = 1024

// StatusError is an answer other than 2xx.
type StatusError struct {
	Status   int    // as in RFC 9110, section 15
	Location string // where a redirect points to, clipped; it is not followed
	Body     string // its first bytes
}

// Error quotes what came from the server, for it may hold anything.
func (e *StatusError) Error() string {
	if e.Status >= 300 && e.Status < 400 {
		return fmt.Sprintf("httpcall: the server answered %d and points to %q; redirects are not followed: propose that URL if it is the right one", e.Status, e.Location)
	}
	return fmt.Sprintf("httpcall: the server answered %d: %q", e.Status, e.Body)
}

// because adds the cause of a context's end, which the standard library leaves
// out, to an error.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// clip shortens what others wrote.
func clip(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
