package fabric

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrExposed reports a file or folder that someone else could have read or
// changed.
var ErrExposed = errors.New("fabric: exposed")

// maxSecret bounds what is read of a key file, a bundle or a mark.
const maxSecret = 256 << 10

// ReadSecret reads a file that only this user can have read or written: a
// regular file, no symbolic link, owned by this user, without any permission
// for group or others, at most 256 KiB. Other files are refused with an error
// that wraps ErrExposed and says how to mend it.
func ReadSecret(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%w: %s is a symbolic link; put the file itself there", ErrExposed, path)
	}
	f, err := openNoFollow(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	defer f.Close()
	// What was opened counts, not what Lstat saw.
	if info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrExposed, path)
	}
	if err := checkPrivate(path, info, os.Geteuid()); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("fabric: reading %s: %w", path, err)
	}
	if len(data) > maxSecret {
		return nil, fmt.Errorf("fabric: %s has more than %d bytes; it is not a file of a fabric", path, maxSecret)
	}
	return data, nil
}

// checkPrivateDir demands that dir is a folder, and this user's alone.
func checkPrivateDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("fabric: %s is not a folder", dir)
	}
	return checkPrivate(dir, info, os.Geteuid())
}

func checkPrivate(path string, info fs.FileInfo, user int) error {
	owner, err := ownerOf(info)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrExposed, path, err)
	}
	if owner != user {
		return fmt.Errorf("%w: %s belongs to user %d and this is user %d; run: chown %d %s", ErrExposed, path, owner, user, user, path)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("%w: %s has mode %04o, open to group or others; run: chmod %o %s", ErrExposed, path, info.Mode().Perm(), info.Mode().Perm()&0o700, path)
	}
	return nil
}
