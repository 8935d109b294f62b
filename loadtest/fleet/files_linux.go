package fleet

import (
	"fmt"
	"syscall"
)

// allowFiles raises the limit on open files to what is needed, as far as this user may.
func allowFiles(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("the limit on open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	raised := syscall.Rlimit{Cur: need, Max: max(need, limit.Max)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf("%d open files are needed, %d are allowed at most (%w); raise the limit (ulimit -n), or let followers share connections", need, limit.Max, err)
	}
	return nil
}
