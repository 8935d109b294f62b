package flood

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

// hostile is a client that somebody wrote who means harm: a socket, the key of an
// enrolled agent, and nothing that would slow it down.
type hostile struct {
	net.Conn
	from *bufio.Reader
}

const dialWithin = 10 * time.Second

// dial connects and proves the key.
func dial(address string, seed []byte) (*hostile, error) {
	c, err := net.DialTimeout("tcp", address, dialWithin) //nolint:noctx // it has a limit of its own
	if err != nil {
		return nil, err
	}
	// What only fills the kernel's memory would cost this machine's time, not the zone's.
	if socket, ok := c.(*net.TCPConn); ok {
		_ = socket.SetWriteBuffer(32 << 10)
	}
	h := &hostile{Conn: c, from: bufio.NewReader(c)}
	if err := h.login(seed); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return h, nil
}

func (h *hostile) login(seed []byte) error {
	if err := h.SetDeadline(time.Now().Add(dialWithin)); err != nil {
		return err
	}
	line, err := h.from.ReadString('\n')
	if err != nil {
		return err
	}
	var info struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		return err
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return err
	}
	key, err := pair.PublicKey()
	if err != nil {
		return err
	}
	sig, err := pair.Sign([]byte(info.Nonce))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, "CONNECT {\"nkey\":%q,\"sig\":%q,\"verbose\":false,\"protocol\":1,\"headers\":true}\r\nPING\r\n", key, base64.RawURLEncoding.EncodeToString(sig))
	if err != nil {
		return err
	}
	for {
		switch line, err := h.from.ReadString('\n'); {
		case err != nil:
			return err
		case strings.HasPrefix(line, "-ERR"):
			return errors.New(strings.TrimSpace(line))
		case strings.HasPrefix(line, "PONG"):
			return h.SetDeadline(time.Time{})
		}
	}
}

// deaf reads and forgets what the server says, so that it goes on listening.
func (h *hostile) deaf() { _, _ = io.Copy(io.Discard, h.from) }

// publish sends one message and waits for nothing.
func (h *hostile) publish(subject string, data []byte) error {
	_, err := h.Write(fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", subject, len(data), data))
	return err
}
