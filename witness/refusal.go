package witness

import (
	"errors"
	"fmt"
)

// Why a checkpoint is not cosigned. Each wraps one of these, or is a *StaleError;
// other errors are the witness's own trouble.
var (
	ErrMalformed = errors.New("witness: not a request to cosign a checkpoint")
	ErrUnknown   = errors.New("witness: an origin that this witness does not follow")
	ErrUnsigned  = errors.New("witness: not signed with all keys of its log")
	ErrFork      = errors.New("witness: another root at the size that was cosigned")
	ErrProof     = errors.New("witness: not proved to continue what was cosigned")
)

// StaleError refuses a request that does not begin where the witness is.
type StaleError struct {
	Size uint64 // of the tree that the witness cosigned last; 0: of none yet
}

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("witness: the tree that it cosigned last has %d leaves; prove from there", e.Size)
}
