package mcp

import (
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/executor"
)

// ErrNotForwarded is what a Peer wraps when it is certain that no byte of a call
// reached the server.
var ErrNotForwarded = errors.New("mcp: not forwarded")

// ErrServerRefused is what a Peer wraps when the server's transport refused the call
// in its own words, such as an HTTP status of 4xx.
var ErrServerRefused = errors.New("mcp: the server refused the call")

// forwardFailed is a failed Forward in the executor's terms. What may have reached
// the server may have been done.
func forwardFailed(err error) error {
	if errors.Is(err, ErrNotForwarded) || errors.Is(err, ErrServerRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", executor.ErrIndeterminate, err)
}
