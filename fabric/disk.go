package fabric

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

// file is one file to write: a name relative to a folder, and its content.
type file struct {
	name string
	data []byte
}

// makeDir makes dir, and what is missing above it, with mode 0700.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("fabric: making the folder %s: %w; choose a place that this user may write", dir, err)
	}
	return nil
}

// writeNew writes a file that must not exist yet, mode 0600. Whoever calls it
// syncs.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fmt.Errorf("fabric: writing %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fabric: writing %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	if err := writeNew(path, data); err != nil {
		return err
	}
	return syncPath(path)
}

// replaceFile puts a whole new content in the place of a file: after a crash
// there is the old one or the new one.
func replaceFile(path string, data []byte) error {
	temp, err := besides(path)
	if err != nil {
		return err
	}
	if err := writeSynced(temp, data); err != nil {
		return err
	}
	return settle(temp, path, os.Rename)
}

// addFile is writeNew that shows the file only when it is complete. It fails
// with fs.ErrExist when there is one already.
func addFile(path string, data []byte) error {
	temp, err := besides(path)
	if err != nil {
		return err
	}
	if err := writeSynced(temp, data); err != nil {
		return err
	}
	if err := settle(temp, path, os.Link); err != nil {
		return err
	}
	if err := os.Remove(temp); err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	return nil
}

// addDir fills a folder beside its place and renames it into it. It fails with
// fs.ErrExist when a folder that is not empty stands there.
func addDir(path string, fill func(dir string) error) error {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	temp, err := besides(path)
	if err != nil {
		return err
	}
	if err := makeDir(temp); err != nil {
		return err
	}
	if err := errors.Join(fill(temp), syncTree(temp)); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return settle(temp, path, moveDir)
}

// moveDir renames a folder. An empty one may stand in the place.
func moveDir(from, to string) error {
	if entries, err := os.ReadDir(to); err == nil && len(entries) == 0 {
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	return os.Rename(from, to)
}

// writeFiles writes new files below dir, with the folders that they need.
func writeFiles(dir string, files ...file) error {
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := makeDir(filepath.Dir(path)); err != nil {
			return err
		}
		if err := writeNew(path, f.data); err != nil {
			return err
		}
	}
	return nil
}

// settle moves temp to path and makes the move last; it clears temp away when
// the move fails.
func settle(temp, path string, move func(from, to string) error) error {
	if err := move(temp, path); err != nil {
		return errors.Join(fmt.Errorf("fabric: putting %s in its place: %w", path, err), os.RemoveAll(temp))
	}
	return syncPath(filepath.Dir(path))
}

// besides names a file or folder that does not exist, in the same folder as
// path and hidden, so that nothing takes a leftover for the real one.
func besides(path string) (string, error) {
	id, err := randomName()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+id+leftover), nil
}

// leftover ends the names of what a crash may leave behind.
const leftover = ".new"

// syncTree makes every file and folder in dir last. Syncing all at the end costs
// far less than one by one.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

// syncPath makes a file's content, or a folder's entries, last.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("fabric: syncing %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("fabric: syncing %s: %w", path, err)
	}
	return nil
}

// exists reports whether something stands at path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
