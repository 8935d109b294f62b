//go:build !unix

package tiles

import "errors"

// lock refuses: without a lock two recorders could write one tree.
func lock(string) (unlock func() error, err error) {
	return nil, errors.New("tiles: this system has no file locks that end with the process")
}
