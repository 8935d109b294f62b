//go:build unix

package fabric

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openNoFollow opens a file for reading; it neither follows a symbolic link in
// the last place nor waits for the writer of a pipe.
func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

func ownerOf(info fs.FileInfo) (int, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("its owner cannot be told")
	}
	return int(stat.Uid), nil
}
