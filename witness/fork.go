package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxForks bounds how many files forks/ gets, two for each fork: a log that went
// mad must not fill the disk, and one fork proves as much as a thousand.
const maxForks = 128

// keepFork keeps two notes that the log signed, of one size and with two roots:
// anyone who knows the log's keys can see from them that it forked. It returns the
// file of the second note; the note that the witness cosigned lies beside it.
func keepFork(dir string, last cosigned, text string, signed []byte) (path string, err error) {
	id := sha256.Sum256([]byte(text))
	path = filepath.Join(dir, forksDir, hex.EncodeToString(id[:]))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err // it is there, or nobody can tell
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return path, fmt.Errorf("witness: %w", err)
	}
	if len(entries) >= maxForks {
		return path, fmt.Errorf("witness: %s holds %d files and gets no more; keep them elsewhere", filepath.Dir(path), len(entries))
	}
	// The cosigned note first: the other's presence says that both are there.
	if err := replace(path+".cosigned", last.note); err != nil {
		return path, err
	}
	return path, replace(path, signed)
}
