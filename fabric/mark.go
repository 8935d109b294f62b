package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// ErrMark reports a mark that cannot be trusted.
var ErrMark = errors.New("fabric: unusable mark")

// Mark is a low-water mark on disk: a ledger sequence up to which a participant
// has nothing left to do. Losing one costs time, never safety: it then starts
// from the beginning. It belongs to one goroutine.
type Mark struct{ path string }

const markVersion = "portcullis-mark-v1"

// OpenMark prepares the mark at path and makes its folder. The file is made by
// the first Store.
func OpenMark(path string) (*Mark, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return &Mark{path: path}, nil
}

// Load reads the mark, 0 when there is none yet. With an error, which wraps
// ErrMark where the content is damaged, the sequence is 0 too: start from the
// beginning.
func (m *Mark) Load() (uint64, error) {
	data, err := ReadSecret(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) != 3 {
		return 0, m.damaged()
	}
	seq, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil || markText(seq) != string(data) {
		return 0, m.damaged()
	}
	return seq, nil
}

// Store replaces the mark; when it returns nil, the mark survives a crash.
func (m *Mark) Store(seq uint64) error { return replaceFile(m.path, []byte(markText(seq))) }

func (m *Mark) damaged() error {
	return fmt.Errorf("%w: %s is damaged; remove it, and its owner starts from the beginning", ErrMark, m.path)
}

// markText is the version, the sequence and a checksum of both, one line.
func markText(seq uint64) string {
	text := markVersion + " " + strconv.FormatUint(seq, 10)
	return text + " " + trust.DigestOf([]byte(text)).Short() + "\n"
}
