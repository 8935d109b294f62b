package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// staging publishes content under a name in one step. The caller holds the
// root's lock, so that no other write uses the same staging file.
type staging struct {
	dir        *os.Root
	name, temp string
	perm       fs.FileMode
	fresh      bool // the name must be free
}

// publish writes, syncs and renames. Up to the rename the context may stop it,
// and nothing remains; after it, the file is new, and durable once the caller
// has synced the directory.
func (s staging) publish(ctx context.Context, data []byte) error {
	if err := s.clear(); err != nil {
		return diskError("clear a staging file for", s.name, err)
	}
	if err := s.fill(ctx, data); err != nil {
		return errors.Join(err, s.clear())
	}
	if err := alive(ctx); err != nil {
		return errors.Join(err, s.clear())
	}
	if err := s.commit(); err != nil {
		return errors.Join(err, s.clear())
	}
	return nil
}

// fill writes the staging file and syncs it.
func (s staging) fill(ctx context.Context, data []byte) error {
	file, err := s.dir.OpenFile(s.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	if err != nil {
		return diskError("stage", s.name, err)
	}
	err = pour(ctx, file, data)
	if err == nil && s.perm != private {
		err = file.Chmod(s.perm)
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return diskError("stage", s.name, err)
}

func pour(ctx context.Context, file *os.File, data []byte) error {
	for len(data) > 0 {
		if err := alive(ctx); err != nil {
			return err
		}
		n, err := file.Write(data[:min(chunk, len(data))])
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// commit is the step that makes the content visible. A rename overwrites; a link
// does not, also when somebody else was faster.
func (s staging) commit() error {
	if !s.fresh {
		if err := s.dir.Rename(s.temp, s.name); err != nil {
			return diskError("replace", s.name, err)
		}
		return nil
	}
	err := s.dir.Link(s.temp, s.name)
	if errors.Is(err, fs.ErrExist) {
		return exists(s.name, err)
	}
	if err != nil {
		return diskError("create", s.name, err)
	}
	if err := s.clear(); err != nil {
		return fmt.Errorf("files: %w: %q is written, but its staging file %q could not be removed; remove it: %w", ErrUncertain, s.name, s.temp, err)
	}
	return nil
}

// clear removes the staging file, if there is one.
func (s staging) clear() error {
	if err := s.dir.Remove(s.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir *os.Root) error {
	handle, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
