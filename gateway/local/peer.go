package local

import (
	"fmt"
	"net"
	"os"
)

// samePeer demands that the process at the other end is the same user's, as the
// system says.
func samePeer(conn *net.UnixConn) error { return peerIs(conn, os.Geteuid()) }

func peerIs(conn *net.UnixConn, user int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	var peer int
	var asked error
	if err := raw.Control(func(fd uintptr) { peer, asked = peerOf(int(fd)) }); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	switch {
	case asked != nil:
		return fmt.Errorf("%w: who is at the other end cannot be told: %w", ErrPlace, asked)
	case peer != user:
		return fmt.Errorf("%w: the other end is user %d and this is user %d", ErrPlace, peer, user)
	default:
		return nil
	}
}
