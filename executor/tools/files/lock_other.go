//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package files

import (
	"errors"
	"os"
)

// tryLock fails: without flock(2) nothing keeps two processes from writing at
// once, so nothing is written.
func tryLock(*os.File) (taken bool, err error) {
	return false, errors.ErrUnsupported
}
