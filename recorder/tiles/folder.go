package tiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

const (
	lockName = "lock"
	treeName = "tree"
	lostName = "lost-"
)

// Folder is a recorder's folder. One process has it at a time. See Lock.
type Folder struct {
	dir    string
	unlock func() error
}

// Lock takes a recorder's folder, which is made if there is none. It fails at
// once if another process has it. Close gives it back, and so does the end of
// the process.
func Lock(dir string) (*Folder, error) {
	if dir == "" {
		return nil, errors.New("tiles: a recorder needs a folder for its tree")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("tiles: %w", err)
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("tiles: making the folder %s: %w; choose a place that this user may write", dir, err)
	}
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	return &Folder{dir: dir, unlock: unlock}, nil
}

// Close lets others have the folder.
func (f *Folder) Close() error { return f.unlock() }

// Tree is the folder of the tree that grows, which C2SP tlog-tiles describes.
func (f *Folder) Tree() string { return TreeDir(f.dir) }

// TreeDir is the folder of the tree that grows, of a recorder's folder that
// another process may have.
func TreeDir(dir string) string { return filepath.Join(dir, treeName) }

// SetAside moves the tree away for good, as the one that the n-th loss ended. If
// there is none there is nothing to do.
func (f *Folder) SetAside(n int) error {
	aside := filepath.Join(f.dir, lostName+strconv.Itoa(n))
	if _, err := os.Lstat(f.Tree()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tiles: %s is there already; it is evidence, move it elsewhere: %w", aside, errors.Join(fs.ErrExist, err))
	}
	if err := os.Rename(f.Tree(), aside); err != nil {
		return fmt.Errorf("tiles: setting the tree aside: %w", err)
	}
	if err := syncDir(f.dir); err != nil {
		return fmt.Errorf("tiles: setting the tree aside: %w", err)
	}
	return nil
}
