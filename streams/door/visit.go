package door

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// visit is one connection: a client outside, a client connection of the server
// inside, and what passes between them.
type visit struct {
	door       *Door
	client     net.Conn // with TLS, once it is started
	socket     net.Conn // under TLS
	server     net.Conn // nil until it is dialled
	fromClient io.Reader
	fromServer io.Reader
	guest      *guest // nil until a key is proved
	unread     *backlog

	done   chan struct{} // closed by end
	ending sync.Once
}

func newVisit(d *Door, client net.Conn) *visit {
	return &visit{door: d, client: client, socket: client, done: make(chan struct{})}
}

// end ends the visit at once. Safe to call from anywhere, and again.
func (v *visit) end() {
	v.ending.Do(func() {
		close(v.done)
		_ = v.socket.Close()
	})
}

// errOver says that one of the two sides went away, which needs no line in the log.
var errOver = errors.New("the connection is over")

func (v *visit) name() string {
	if v.guest == nil {
		return "unknown"
	}
	return v.guest.Name
}

// run is the whole visit.
func (v *visit) run() error {
	leave := v.door.lobby.enter(v)
	defer leave()
	var err error
	if v.server, err = v.door.cfg.Dial(); err != nil {
		return fmt.Errorf("the server takes no connection: %w", err)
	}
	defer v.server.Close()
	connect, who, err := v.greet()
	if err != nil {
		refuse(v.client, err)
		return err
	}
	wait, err := who.enter(v, time.Now())
	if err != nil {
		refuse(v.client, err)
		return fmt.Errorf("%s: %w", who.Name, err)
	}
	defer who.exit(v)
	v.guest = who
	leave()
	return v.pass(connect, wait)
}

// pass lets the CONNECT in and then passes everything on, both ways, until one
// side ends.
func (v *visit) pass(connect []byte, wait time.Duration) error {
	if !pause(v.done, wait) {
		return errOver
	}
	v.bound()
	v.unread = newBacklog(v.client, v.guest.limits.Unread)
	var both sync.WaitGroup
	both.Go(v.keep)
	both.Go(v.deliver)
	_, err := v.server.Write(connect)
	if err == nil {
		err = v.admit()
	}
	if errors.Is(err, errProtocol) {
		_ = v.unread.put([]byte("-ERR 'Unknown Protocol Operation'\r\n")) // and if it does not fit, it ends without
	}
	_ = v.server.Close() // then keep ends, and when all is delivered, deliver
	both.Wait()
	return err
}

// bound keeps the kernel from holding much more of an agent than it may send: what
// waits there is older than what the agent thinks.
func (v *visit) bound() {
	socket, ok := v.socket.(*net.TCPConn)
	if ok && !v.guest.Trusted {
		_ = socket.SetReadBuffer(socketRoom) // without it the agent only waits longer
	}
}

const socketRoom = 256 << 10

var errProtocol = errors.New("not the client protocol of NATS")

// admit passes on what the client sends, as fast as its purse allows.
func (v *visit) admit() error {
	var lines scanner
	room := room{most: v.guest.limits.read()}
	for {
		buf := room.next()
		n, err := v.fromClient.Read(buf)
		if err != nil {
			return errOver
		}
		room.used(n)
		wait, err := v.pay(&lines, buf[:n])
		if err != nil {
			return err
		}
		if _, err := v.server.Write(buf[:n]); err != nil {
			return errOver
		}
		if !pause(v.done, wait) {
			return errOver
		}
	}
}

// pay says how long to read nothing after a piece. What costs nothing is not
// looked at.
func (v *visit) pay(lines *scanner, piece []byte) (time.Duration, error) {
	if v.guest.Trusted {
		return 0, nil
	}
	c, err := lines.scan(piece)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProtocol, err)
	}
	now := time.Now()
	wait := v.guest.purse.spend(now, c)
	if v.guest.count(now, c, wait) {
		v.door.cfg.Logger.Warn("door: an agent sends more than it may and has to wait", "agent", v.guest.Name,
			"bytes_per_second", v.guest.limits.Bytes, "messages_per_second", v.guest.limits.Messages, "intents_per_second", v.guest.limits.Intents)
	}
	return wait, nil
}

// keep takes what the server sends, at once, whoever reads it when.
func (v *visit) keep() {
	defer v.unread.end()
	room := room{most: mostRoom}
	for {
		buf := room.next()
		n, err := v.fromServer.Read(buf)
		if err == nil {
			room.used(n)
			err = v.unread.put(buf[:n])
		}
		if errors.Is(err, errUnread) {
			v.guest.unreadClosed()
			v.door.cfg.Logger.Warn("door: a client does not read; its connection is closed", "who", v.guest.Name)
			v.end()
			return
		}
		if err != nil {
			_ = v.client.SetWriteDeadline(time.Now().Add(lastWords))
			return
		}
	}
}

// deliver hands the client what was kept for it, and ends the visit after the last.
func (v *visit) deliver() {
	defer v.end()
	v.unread.deliver()
}
