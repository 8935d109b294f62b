package evidence

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Source is what an audit reads: an export or an archive.
type Source interface {
	// Header says what the records are of; of an archive, what all of them are.
	Header() Header
	// Frames yields the frames in order. It ends without an error only behind the end
	// of something whole; a broken one ends with a *BrokenError.
	Frames() iter.Seq2[Frame, error]
	// Repeats reports whether Frames may be called again, to begin anew: of a folder or
	// a file it may, of a stream not.
	Repeats() bool
}

// Reader reads one export from its beginning to its end, strictly: what it
// accepts, Write has written, and not a byte differs. It is a Source for one
// reading; a File is one for many.
type Reader struct {
	from   *bufio.Reader
	sum    hash.Hash    // of all bytes so far
	before trust.Digest // of all bytes before the trailer, when it was read
	offset int64
	begun  int64 // where the frame began that is being read
	order  order
}

var errCutOff = errors.New("the file ends here, without a trailer: it is cut off; export it again, or fetch the rest")

// NewReader reads an export's beginning.
func NewReader(r io.Reader) (*Reader, error) {
	e := &Reader{from: bufio.NewReaderSize(r, buffer), sum: sha256.New()}
	first := make([]byte, len(magic))
	if err := e.get(first); err != nil && !errors.Is(err, errCutOff) {
		return nil, err
	}
	e.sum.Write(first)
	if string(first) != magic {
		return nil, e.broken(fmt.Errorf("it does not begin with the line %q; it is no export of this format, or still compressed", magic[:len(magic)-1]))
	}
	kind, body, err := e.frame()
	if err == nil && kind != FrameHeader {
		err = e.broken(fmt.Errorf("frame %q stands where the header must", byte(kind)))
	}
	if err != nil {
		return nil, err
	}
	if e.order.header, err = parseHeader(body); err != nil {
		return nil, e.broken(err)
	}
	return e, nil
}

// Header is the export's.
func (e *Reader) Header() Header { return e.order.header }

// Repeats implements Source: what was read is gone.
func (*Reader) Repeats() bool { return false }

// Frames yields the export's frames: see Source. The bytes of a frame are the
// caller's.
func (e *Reader) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for {
			f, done, err := e.next()
			if done || !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// next reads a frame; done says that the trailer was read and is right.
func (e *Reader) next() (f Frame, done bool, err error) {
	kind, body, err := e.frame()
	switch {
	case err != nil:
		return Frame{}, false, err
	case kind == FrameTrailer:
		err := e.end(body)
		return Frame{}, err == nil, err
	}
	if f, err = parseFrame(kind, body); err == nil {
		err = e.order.take(f)
	}
	if err != nil {
		return Frame{}, false, e.broken(err)
	}
	f.End = e.offset
	return f, false, nil
}

// end compares the trailer with what was read, and looks that nothing follows.
func (e *Reader) end(body []byte) error {
	if len(body) != trailerSize {
		return e.broken(fmt.Errorf("a trailer of %d bytes", len(body)))
	}
	count, last := binary.BigEndian.Uint64(body), binary.BigEndian.Uint64(body[8:])
	if count != e.order.count || last != e.order.last {
		return e.broken(fmt.Errorf("it has %d records, the last at position %d; its trailer says %d and %d", e.order.count, e.order.last, count, last))
	}
	if trust.DigestIn(body[16:]) != e.before {
		return e.broken(errors.New("its bytes have another SHA-256 than its trailer says: it was altered since it was written"))
	}
	if _, err := e.from.ReadByte(); err == nil {
		e.begun = e.offset
		return e.broken(errors.New("bytes follow the trailer"))
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("evidence: reading the export at byte %d: %w", e.offset, err)
	}
	return nil
}

// frame reads a frame of bounded size and adds it to the sum.
func (e *Reader) frame() (FrameKind, []byte, error) {
	e.begun = e.offset
	var head [frameHead]byte
	if err := e.get(head[:]); err != nil {
		return 0, nil, err
	}
	kind, size := FrameKind(head[0]), binary.BigEndian.Uint32(head[1:])
	if most := kind.most(); most == 0 {
		return 0, nil, e.broken(fmt.Errorf("frame %q is unknown", head[0]))
	} else if int64(size) > int64(most) {
		return 0, nil, e.broken(fmt.Errorf("frame %q has %d bytes, at most %d are read", head[0], size, most))
	}
	body := make([]byte, size)
	if err := e.get(body); err != nil {
		return 0, nil, err
	}
	if kind == FrameTrailer {
		e.before = trust.DigestIn(e.sum.Sum(nil))
	}
	e.sum.Write(head[:])
	e.sum.Write(body)
	return kind, body, nil
}

// get fills b. The end of the file is a *BrokenError.
func (e *Reader) get(b []byte) error {
	n, err := io.ReadFull(e.from, b)
	e.offset += int64(n)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return e.broken(errCutOff)
	default:
		return fmt.Errorf("evidence: reading the export at byte %d: %w", e.offset, err)
	}
}

func (e *Reader) broken(why error) error { return &BrokenError{Offset: e.begun, Why: why} }
