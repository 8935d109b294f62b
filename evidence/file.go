package evidence

import (
	"errors"
	"fmt"
	"iter"
	"os"
)

// Kept is a Source at a path: an export in a file, an archive in a folder, or an
// export that comes out of a pipe, which alone does not repeat.
type Kept interface {
	Source
	Size() int64 // in bytes, as Frame.End counts; 0 if it is not known
}

// Open opens what is at a path. Of a pipe it waits for the beginning.
func Open(path string) (Kept, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("evidence: %w", err)
	case info.IsDir():
		return kept(OpenArchive(path))
	case info.Mode().IsRegular():
		return kept(OpenFile(path))
	default:
		return kept(openPipe(path))
	}
}

// kept is nil, and not a nil in an interface, where there is an error.
func kept[T Kept](opened T, err error) (Kept, error) {
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// File is one export on a disk. Unlike a Reader it is a Source that can be read
// again and again; it holds no file open between readings.
type File struct {
	path   string
	header Header
	size   int64
}

// OpenFile reads an export's header.
func OpenFile(path string) (*File, error) {
	file := &File{path: path}
	return file, file.open(func(r *Reader, size int64) {
		file.header, file.size = r.Header(), size
	})
}

// open reads the beginning of the file, hands it to use, and closes it.
func (f *File) open(use func(r *Reader, size int64)) error {
	from, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	r, err := NewReader(from)
	if err != nil {
		return err
	}
	use(r, info.Size())
	return nil
}

// Header is what the export said of itself when it was opened.
func (f *File) Header() Header { return f.header }

// Size is how long the file was when it was opened, in bytes.
func (f *File) Size() int64 { return f.size }

// Repeats implements Source: it can be read again.
func (*File) Repeats() bool { return true }

// Frames opens the file anew and yields its frames.
func (f *File) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		err := f.open(func(r *Reader, _ int64) {
			if r.Header() != f.header {
				yield(Frame{}, r.broken(errChanged))
				return
			}
			r.Frames()(yield)
		})
		if err != nil {
			yield(Frame{}, err)
		}
	}
}

var errChanged = errors.New("its header is another one than when it was opened")
