package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// ErrPlace reports a socket, or its folder, that somebody else could have made or
// reach.
var ErrPlace = errors.New("local: not a place to meet")

// ErrNoService reports that nobody serves at the socket.
var ErrNoService = errors.New("local: no service")

// Listen begins to serve at a path: a socket of mode 0600 in a folder of mode 0700,
// which is made if it is missing. A socket that a process left behind is replaced;
// one that somebody answers at is not. Closing the listener removes it.
func Listen(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := vacate(ctx, path); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("local: %w; name a data folder whose path has fewer than 80 characters", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("local: %w", err), listener.Close())
	}
	return listener, nil
}

const (
	folderMode = 0o700
	socketMode = 0o600
)

func vacate(ctx context.Context, path string) error {
	if err := os.Mkdir(filepath.Dir(path), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("local: %w", err)
	}
	err := checkPlace(path)
	switch {
	case errors.Is(err, ErrNoService):
		return nil
	case err != nil:
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("%w: somebody serves at %s already; stop that one, or choose another with --name", ErrPlace, path), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("local: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	return nil
}

// checkPlace demands that path is a socket of this user's alone, in a folder of this
// user's alone, neither of them by way of a symbolic link. ErrNoService says that
// nothing is there.
func checkPlace(path string) error {
	if err := private(filepath.Dir(path), fs.ModeDir, "folder"); err != nil {
		return err
	}
	return private(path, fs.ModeSocket, "socket")
}

func private(path string, kind fs.FileMode, word string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is no %s %s", ErrNoService, word, path)
	case err != nil:
		return fmt.Errorf("local: %w", err)
	case info.Mode().Type() != kind:
		return fmt.Errorf("%w: %s is no %s but %s; take it away", ErrPlace, path, word, info.Mode().Type())
	}
	owner, err := ownerOf(info)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrPlace, path, err)
	case owner != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d and this is user %d", ErrPlace, path, owner, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: %s is open to group or others; run: chmod go= %s", ErrPlace, path, path)
	default:
		return nil
	}
}
