package streams

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestWhatIsGivenUpIsGone: when a connection is given up, nothing more of what the
// kernel holds of it is delivered.
func TestWhatIsGivenUpIsGone(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	conn, err := dialer{}.Dial("tcp", l.Addr().String())
	must(t, err)
	peer, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { _ = peer.Close() })

	written := writeUntilStuck(t, conn)
	must(t, conn.Close())
	must(t, peer.SetReadDeadline(time.Now().Add(patience)))
	read, err := io.Copy(io.Discard, peer)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || read >= written {
		t.Errorf("of %d bytes %d came, and then %v; want fewer, and a reset", written, read, err)
	}
}

// writeUntilStuck writes until the other side, which does not read, has no room left.
func writeUntilStuck(t *testing.T, conn net.Conn) (written int64) {
	t.Helper()
	for chunk := make([]byte, 1<<20); ; {
		must(t, conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		n, err := conn.Write(chunk)
		written += int64(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return written
		}
		must(t, err)
	}
}
