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

// Written is what was written.
type Written struct {
	Records uint64 // record frames
	Last    uint64 // position of the last one
	Bytes   int64
	SHA256  trust.Digest // of all bytes
}

// Write writes one export: header, frames and trailer. It is whole only if Write
// succeeds. The first error of frames is returned as it is.
func Write(w io.Writer, h Header, frames iter.Seq2[Frame, error]) (Written, error) {
	e, err := newWriter(w, h)
	if err != nil {
		return Written{}, err
	}
	for f, err := range frames {
		if err != nil {
			return Written{}, err
		}
		if err := e.write(f); err != nil {
			return Written{}, err
		}
	}
	return e.close()
}

// writer writes an export, frame by frame. Behind its first error it is useless.
type writer struct {
	to    *bufio.Writer
	sum   hash.Hash // of all bytes so far
	bytes int64
	order order
}

const buffer = 256 << 10

func newWriter(w io.Writer, h Header) (*writer, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("evidence: writing an export: %w", err)
	}
	e := &writer{to: bufio.NewWriterSize(w, buffer), sum: sha256.New(), order: order{header: h}}
	if err := e.put([]byte(magic)); err != nil {
		return nil, err
	}
	return e, e.frame(FrameHeader, h.body())
}

func (e *writer) write(f Frame) error {
	if err := errors.Join(f.check(), e.order.take(f)); err != nil {
		return fmt.Errorf("evidence: writing an export: %w", err)
	}
	if f.Kind == FrameCheckpoint {
		return e.frame(f.Kind, f.Note)
	}
	return e.frame(f.Kind, recordHeadOf(f.Raw), f.Raw.Data)
}

// close writes the trailer. Nothing can be written any more.
func (e *writer) close() (Written, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, trailerSize), e.order.count)
	b = e.sum.Sum(binary.BigEndian.AppendUint64(b, e.order.last))
	if err := e.frame(FrameTrailer, b); err != nil {
		return Written{}, err
	}
	if err := e.to.Flush(); err != nil {
		return Written{}, fmt.Errorf("evidence: writing an export: %w", err)
	}
	return Written{e.order.count, e.order.last, e.bytes, trust.DigestIn(e.sum.Sum(nil))}, nil
}

// frame writes a frame whose body comes in parts.
func (e *writer) frame(kind FrameKind, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	head := binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(size))
	for _, part := range append([][]byte{head}, parts...) {
		if err := e.put(part); err != nil {
			return err
		}
	}
	return nil
}

func (e *writer) put(b []byte) error {
	if _, err := e.to.Write(b); err != nil {
		return fmt.Errorf("evidence: writing an export: %w", err)
	}
	e.sum.Write(b)
	e.bytes += int64(len(b))
	return nil
}
