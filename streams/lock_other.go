//go:build !unix

package streams

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock two servers could write one store.
func lockFile(*os.File) error {
	return errors.New("this system has no file locks that end with the process")
}
