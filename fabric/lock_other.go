//go:build !unix

package fabric

import (
	"errors"
	"os"
)

// lock refuses: without a lock two changes at once could lose one of them.
func (*Fabric) lock() (unlock func(), err error) {
	return nil, errors.New("fabric: this system has no file locks that end with the process")
}

// tryLock refuses for the same reason.
func tryLock(*os.File) error {
	return errors.New("fabric: this system has no file locks that end with the process")
}
