package evidence

import (
	"errors"
	"fmt"
)

// ErrBroken reports an export or an archive that is cut off, altered or none.
var ErrBroken = errors.New("evidence: broken")

// BrokenError is an ErrBroken with its place.
type BrokenError struct {
	File   string // of an archive, relative to it; "" for an export
	Offset int64  // of the frame, in bytes from the file's beginning
	Why    error
}

func (e *BrokenError) Error() string {
	file := "the export"
	if e.File != "" {
		file = e.File
	}
	return fmt.Sprintf("evidence: %s is broken at byte %d: %v", file, e.Offset, e.Why)
}

// Unwrap makes a BrokenError an ErrBroken.
func (e *BrokenError) Unwrap() []error { return []error{ErrBroken, e.Why} }
