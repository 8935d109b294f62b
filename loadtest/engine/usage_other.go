//go:build !unix

package engine

import (
	"errors"
	"time"
)

// processorTime is not told here.
func processorTime() (time.Duration, error) {
	return 0, errors.New("loadtest: this system does not tell processor time; run it on a Unix")
}
