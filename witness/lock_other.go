//go:build !unix

package witness

import (
	"errors"
	"os"
)

// lock refuses: two witnesses with one key could cosign a fork.
func lock(string) (*os.File, error) {
	return nil, errors.New("witness: this system has no file locks that end with the process")
}
