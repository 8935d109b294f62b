//go:build unix

package fabric

import (
	"fmt"
	"os"
	"syscall"
)

// lock waits until nobody else changes this fabric. It ends with unlock, or with
// the process.
func (f *Fabric) lock() (unlock func(), err error) {
	path := f.path(runDir, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	unlock = func() { _ = file.Close() } // closing drops the lock; nothing was written
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		unlock()
		return nil, fmt.Errorf("fabric: locking %s: %w", path, err)
	}
	return unlock, nil
}

// tryLock locks a file for this process, or says that another one has.
func tryLock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
