package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// writeWithin bounds how long the other end may not read.
const writeWithin = 5 * time.Second

// wire is one end of a connection.
type wire struct {
	conn *net.UnixConn
	in   *bufio.Reader // of whoever reads

	mu sync.Mutex // whoever writes
}

func newWire(conn *net.UnixConn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, MaxLine+1)}
}

// read is the next message. At the end it is io.EOF; what stood there without a
// newline is no message.
func (w *wire) read() (Message, error) {
	line, err := w.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return Message{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxLine)
	case err != nil && len(line) > 0 && errors.Is(err, io.EOF):
		return Message{}, fmt.Errorf("%w: it ends without a newline", ErrMalformed)
	case err != nil:
		return Message{}, err
	default:
		return decode(line[:len(line)-1])
	}
}

// send writes one message. Without an error the other end's system has all of it;
// with one it has no whole line, so nobody has read it.
func (w *wire) send(m Message) error {
	line, err := m.encode()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	if _, err := w.conn.Write(append(line, '\n')); err != nil {
		_ = w.conn.Close() // half a line is the last that it gets
		return fmt.Errorf("local: the other end was not told: %w", err)
	}
	return nil
}
