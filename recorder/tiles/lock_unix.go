//go:build unix

package tiles

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes a lock that ends with unlock, or with the process.
func lock(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("tiles: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("tiles: %s is held: another recorder runs in this folder; stop it, or give this one its own: %w", path, err), file.Close())
	}
	return file.Close, nil // closing drops the lock; nothing was written
}
