//go:build unix

package door

import (
	"net"
	"syscall"
)

// tryWrite writes what the kernel takes at once, without waiting. A connection
// that is none of the kernel's takes nothing here, nor does one that failed:
// whoever waits for it will hear of that.
func tryWrite(c net.Conn, data []byte) (n int) {
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), data)
		return true
	})
	return max(n, 0)
}
