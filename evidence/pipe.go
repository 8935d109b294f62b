package evidence

import (
	"errors"
	"fmt"
	"iter"
	"os"
)

// pipe is an export in what is no regular file: a pipe, a terminal, a device.
// Opened a second time it would go on in the middle, or wait for ever; so it stays
// open from its header on, and is read once.
type pipe struct {
	*Reader
	from *os.File
}

// openPipe waits for a writer and reads the export's header.
func openPipe(path string) (*pipe, error) {
	from, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	r, err := NewReader(from)
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	return &pipe{r, from}, nil
}

// Size is not known of what is still being written.
func (*pipe) Size() int64 { return 0 }

// Frames yields the frames behind the header. After it the pipe is closed.
func (p *pipe) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		defer func() { _ = p.from.Close() }() // it was only read
		p.Reader.Frames()(yield)
	}
}
