package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// parent opens the directory that holds the last segment, one step at a time,
// through no symbolic link. The caller closes it.
func (f *Files) parent(segments []string) (*os.Root, error) {
	at, err := enter(f.root, ".")
	for _, segment := range segments[:len(segments)-1] {
		if err != nil {
			return nil, err
		}
		var next *os.Root
		next, err = enter(at, segment)
		_ = at.Close() // a directory opened for lookups only: nothing can be lost
		at = next
	}
	return at, err
}

// enter opens a subdirectory, and only if it is the directory that stands there
// under that name: [os.Root.OpenRoot] alone would follow a link, and a look
// beforehand alone would lose the race against one.
func enter(dir *os.Root, name string) (*os.Root, error) {
	seen, err := dir.Lstat(name)
	if err != nil {
		return nil, missing(err, "directory", name)
	}
	if !seen.IsDir() {
		return nil, refusef("%q on the way is %s; every segment but the last must be a directory", name, kind(seen.Mode()))
	}
	return enterSeen(dir, name, seen)
}

// enterSeen opens the directory that was seen.
func enterSeen(dir *os.Root, name string, seen fs.FileInfo) (*os.Root, error) {
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, missing(err, "directory", name)
	}
	opened, err := next.Stat(".")
	if err != nil || !os.SameFile(seen, opened) {
		_ = next.Close() // not the directory that was asked for
		return nil, changed(name, err)
	}
	return next, nil
}

// look describes the target: nil if nothing stands there. Anything but a regular
// file is refused.
func look(dir *os.Root, name string) (fs.FileInfo, error) {
	seen, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, missing(err, "file", name)
	}
	if !seen.Mode().IsRegular() {
		return nil, refusef("%q is %s; name a regular file", name, kind(seen.Mode()))
	}
	return seen, nil
}

// open opens the regular file that look saw. O_NONBLOCK keeps a FIFO that was
// swapped in from blocking forever; regular files ignore it.
func open(dir *os.Root, name string, seen fs.FileInfo) (*os.File, error) {
	file, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, missing(err, "file", name)
	}
	opened, err := file.Stat()
	if err != nil || !os.SameFile(seen, opened) {
		_ = file.Close() // not the file that was asked for
		return nil, changed(name, err)
	}
	return file, nil
}

func missing(err error, what, name string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refusef("there is no %s %q here; check the spelling (upper and lower case differ): %w", what, name, err)
	case errors.Is(err, os.ErrClosed):
		return refusef("the tool is closed; make a new one: %w", err)
	default:
		return refusef("cannot look up the %s %q; let the executor's user reach it: %w", what, name, err)
	}
}

func changed(name string, err error) error {
	if err != nil {
		return refusef("%q vanished while it was opened; propose again: %w", name, err)
	}
	return refusef("%q was exchanged while it was opened; find out who else writes below the root", name)
}

// kind names what stands where a file or directory was wanted.
func kind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "a regular file"
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link, and none is followed"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	default:
		return "neither a file nor a directory"
	}
}
