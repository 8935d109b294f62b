package tiles

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

	tempSuffix = ".tmp" // no path of a tile ends so
)

// disk writes files below one folder so that after a crash each is whole, old or
// new; and so that after settle none is old. It belongs to one goroutine.
type disk struct {
	root  string
	made  map[string]bool // folders that are known to be there
	dirty map[string]bool // folders whose entries are not known to be durable

	// fault, if set, is asked before everything that changes the disk; tests let
	// the machine stop there.
	fault func(what, path string) error
}

func newDisk(root string) *disk {
	return &disk{root: root, made: make(map[string]bool), dirty: make(map[string]bool)}
}

// do changes one thing on the disk.
func (d *disk) do(what, path string, change func() error) error {
	var err error
	if d.fault != nil {
		err = d.fault(what, path)
	}
	if err == nil {
		err = change()
	}
	if err != nil {
		return fmt.Errorf("tiles: %s %s: %w; mend the disk, then start the recorder again", what, path, err)
	}
	return nil
}

// put writes a file in place of what stands there. Its bytes are durable when it
// returns; its name is after settle.
func (d *disk) put(name string, data []byte) error {
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if err := d.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	temp := path + tempSuffix
	if err := d.do("writing", temp, func() error { return writeSynced(temp, data) }); err != nil {
		return err
	}
	d.dirty[filepath.Dir(path)] = true
	return d.do("placing", path, func() error { return os.Rename(temp, path) })
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDir makes a folder below the root, the root and what is missing between.
func (d *disk) makeDir(path string) error {
	if d.made[path] {
		return nil
	}
	if path != d.root {
		if err := d.makeDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	err := d.do("making", path, func() error {
		if err := os.Mkdir(path, dirMode); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Also when it was there: an earlier start may have stopped before it was durable.
	d.made[path], d.dirty[filepath.Dir(path)] = true, true
	return nil
}

// settle makes all names durable.
func (d *disk) settle() error {
	for dir := range d.dirty {
		if err := d.do("syncing", dir, func() error { return syncDir(dir) }); err != nil {
			return err
		}
		delete(d.dirty, dir)
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// drop removes a folder with all in it, if it is there. Nothing depends on when
// that becomes durable.
func (d *disk) drop(name string) error {
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if err := d.do("removing", path, func() error { return os.RemoveAll(path) }); err != nil {
		return err
	}
	delete(d.made, path)
	delete(d.dirty, path)
	return nil
}
