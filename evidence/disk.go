package evidence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// WriteFile writes an export into a new file, mode 0600. After a crash there is
// the whole file or none of that name: it is written beside its place, synced,
// and renamed. A file that stands there already is fs.ErrExist.
func WriteFile(path string, h Header, frames iter.Seq2[Frame, error]) (w Written, err error) {
	err = addFile(path, func(to io.Writer) error {
		w, err = Write(to, h, frames)
		return err
	})
	return w, err
}

// addFile is replaceFile for a file that is not there yet.
func addFile(path string, fill func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("evidence: %w: %s; name a file that does not exist", fs.ErrExist, path)
	}
	return replaceFile(path, fill)
}

// replaceFile puts a whole new content in the place of a file: after a crash
// there is the old one or the new one.
func replaceFile(path string, fill func(io.Writer) error) error {
	return settle(filepath.Dir(path), func(to io.Writer) (string, error) { return path, fill(to) })
}

// settle writes a file in dir whose name is known when it is written.
func settle(dir string, fill func(io.Writer) (path string, err error)) error {
	f, err := os.CreateTemp(dir, ".portcullis-*.part")
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	path, err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(f.Name())))
	}
	return syncDir(dir)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("evidence: syncing %s: %w", dir, err)
	}
	return nil
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("evidence: making the folder %s: %w; choose a place that this user may write", dir, err)
	}
	return nil
}

// readSmall reads a file that has at most so many bytes.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("evidence: reading %s: %w", path, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrBroken, path, most)
	}
	return data, nil
}

// digestOf is the SHA-256 of all that r gives.
func digestOf(r io.Reader) (trust.Digest, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return trust.Digest{}, fmt.Errorf("evidence: %w", err)
	}
	return trust.DigestIn(sum.Sum(nil)), nil
}
