package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// writeNew writes and syncs a file that must not exist yet; its folder is not
// synced.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w has %s already; choose another folder", ErrFolder, path)
	}
	if err != nil {
		return fmt.Errorf("witness: writing: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("witness: writing %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// replace puts a whole new content in the place of a file, and makes it last:
// after a crash there is the old one or the new one, and once it has returned
// without an error, the new one. One goroutine replaces one file.
func replace(path string, data []byte) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash left it
		return fmt.Errorf("witness: writing: %w", err)
	}
	if err := writeNew(temp, data); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("witness: writing: %w", errors.Join(err, os.Remove(temp)))
	}
	return syncPath(filepath.Dir(path))
}

// syncPath makes a folder's entries last.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("witness: syncing: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("witness: syncing %s: %w", path, err)
	}
	return nil
}
