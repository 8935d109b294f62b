package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// The part of the FUSE protocol (linux/fuse.h, 7.31) that a mount needs whose root
// is one regular file. Integers are in the machine's order.

const (
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opRelease     = 18
	opFsync       = 20
	opFlush       = 25
	opInit        = 26
	opAccess      = 34
	opInterrupt   = 36
	opDestroy     = 38
	opBatchForget = 42
)

const (
	fuseMajor     = 7
	fuseMinor     = 31
	flagAsyncRead = 1 << 0
	flagBigWrites = 1 << 5
	flagMaxPages  = 1 << 22

	requestHeader = 40
	replyHeader   = 16
	transferIn    = 40 // before a read's or a write's data
	pageSize      = 4096
	maxWrite      = 256 << 10
	rootNode      = 1
)

// flushTakes is how long a flush lasts, so that there is a moment between a write
// and its flush in which the power may go.
const flushTakes = 300 * time.Microsecond

// server answers the requests of one FUSE connection, one after the other.
type server struct {
	fd     int
	medium *medium
}

// serve answers until the mount is gone.
func (s *server) serve() error {
	buffer := make([]byte, maxWrite+pageSize)
	for {
		n, err := syscall.Read(s.fd, buffer)
		switch {
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EAGAIN):
			continue
		case errors.Is(err, syscall.ENODEV): // unmounted
			return nil
		case err != nil:
			return fmt.Errorf("disk: reading a request: %w", err)
		case n < requestHeader:
			return fmt.Errorf("disk: a request of %d bytes", n)
		}
		if err := s.answer(buffer[:n]); err != nil {
			return err
		}
	}
}

func (s *server) answer(request []byte) error {
	code := binary.NativeEndian.Uint32(request[4:])
	unique := binary.NativeEndian.Uint64(request[8:])
	if code == opForget || code == opBatchForget || code == opInterrupt {
		return nil // these want no answer
	}
	body, err := s.do(code, request[requestHeader:])
	return s.reply(unique, body, err)
}

func (s *server) reply(unique uint64, body []byte, failed error) error {
	var code int32
	if failed != nil {
		body, code = nil, -int32(number(failed)) //nolint:gosec // an errno is small
	}
	out := make([]byte, replyHeader, replyHeader+len(body))
	binary.NativeEndian.PutUint32(out, uint32(replyHeader+len(body))) //nolint:gosec // at most maxWrite
	binary.NativeEndian.PutUint32(out[4:], uint32(code))
	binary.NativeEndian.PutUint64(out[8:], unique)
	_, err := syscall.Write(s.fd, append(out, body...))
	if err != nil && !errors.Is(err, syscall.ENOENT) { // ENOENT: whoever asked was interrupted
		return fmt.Errorf("disk: answering: %w", err)
	}
	return nil
}

// number is the kernel's name of an error: what it does not know is an I/O error.
func number(err error) syscall.Errno {
	if n, ok := errors.AsType[syscall.Errno](err); ok {
		return n
	}
	return syscall.EIO
}

func (s *server) do(code uint32, in []byte) ([]byte, error) {
	switch code {
	case opInit:
		return initialized(), nil
	case opGetattr, opSetattr:
		return s.attributes(), nil
	case opOpen:
		return make([]byte, 16), nil
	case opRead:
		return s.read(in)
	case opWrite:
		return s.write(in)
	case opFsync:
		time.Sleep(flushTakes)
		return nil, s.medium.Flush()
	case opRelease, opFlush, opAccess, opDestroy:
		return nil, nil
	default:
		return nil, syscall.ENOSYS
	}
}

func initialized() []byte {
	out := make([]byte, 64)
	binary.NativeEndian.PutUint32(out, fuseMajor)
	binary.NativeEndian.PutUint32(out[4:], fuseMinor)
	binary.NativeEndian.PutUint32(out[8:], maxWrite) // read ahead
	binary.NativeEndian.PutUint32(out[12:], flagAsyncRead|flagBigWrites|flagMaxPages)
	binary.NativeEndian.PutUint32(out[20:], maxWrite)
	binary.NativeEndian.PutUint32(out[24:], 1) // granularity of times, in ns
	binary.NativeEndian.PutUint16(out[28:], maxWrite/pageSize)
	return out
}

// attributes never change, so they hold for an hour.
func (s *server) attributes() []byte {
	size := uint64(len(s.medium.now))
	out := make([]byte, 104)
	binary.NativeEndian.PutUint64(out, 3600)
	attr := out[16:]
	binary.NativeEndian.PutUint64(attr, rootNode)
	binary.NativeEndian.PutUint64(attr[8:], size)
	binary.NativeEndian.PutUint64(attr[16:], size/sector)
	binary.NativeEndian.PutUint32(attr[60:], syscall.S_IFREG|0o600)
	binary.NativeEndian.PutUint32(attr[64:], 1)                   // one name
	binary.NativeEndian.PutUint32(attr[68:], uint32(os.Getuid())) //nolint:gosec // Linux has ids of 32 bits
	binary.NativeEndian.PutUint32(attr[72:], uint32(os.Getgid())) //nolint:gosec // as above
	binary.NativeEndian.PutUint32(attr[80:], pageSize)
	return out
}

// transfer reads where a read or a write is to be, and how long.
func transfer(in []byte) (at int64, size int, err error) {
	if len(in) < transferIn {
		return 0, 0, syscall.EINVAL
	}
	size = int(binary.NativeEndian.Uint32(in[16:]))
	if size > maxWrite {
		return 0, 0, syscall.EINVAL
	}
	return int64(binary.NativeEndian.Uint64(in[8:])), size, nil //nolint:gosec // the medium refuses what is negative
}

func (s *server) read(in []byte) ([]byte, error) {
	at, size, err := transfer(in)
	if err != nil {
		return nil, err
	}
	out := make([]byte, size)
	n, err := s.medium.ReadAt(out, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out[:n], nil
}

func (s *server) write(in []byte) ([]byte, error) {
	at, size, err := transfer(in)
	if err != nil || len(in) < transferIn+size {
		return nil, errors.Join(err, syscall.EINVAL)
	}
	if _, err := s.medium.WriteAt(in[transferIn:transferIn+size], at); err != nil {
		return nil, err
	}
	out := make([]byte, 8)
	binary.NativeEndian.PutUint32(out, uint32(size)) //nolint:gosec // at most maxWrite
	return out, nil
}
