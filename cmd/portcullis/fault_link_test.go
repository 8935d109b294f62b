package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// link is a TCP proxy between one client and the broker that can go deaf: its
// connections stand, and nothing passes either way.
type link struct {
	t        *testing.T
	listener net.Listener
	broker   string
	work     sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	hearing chan struct{} // closed while it hears
	trap    string        // subject prefix at whose next message it goes deaf; "" for none
	pass    bool          // that message itself still passes
	sprung  chan struct{} // closed when the trap has sprung
}

func newLink(t *testing.T, broker string) *link {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	k := &link{t: t, listener: listener, broker: broker, conns: map[net.Conn]struct{}{}, hearing: make(chan struct{})}
	close(k.hearing)
	k.work.Go(k.accept)
	t.Cleanup(func() {
		must(t, listener.Close())
		k.cut()
		k.work.Wait()
	})
	return k
}

func (k *link) url() string { return "nats://" + k.listener.Addr().String() }

func (k *link) accept() {
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return // closed
		}
		broker, err := new(net.Dialer).DialContext(k.t.Context(), "tcp", k.broker)
		if err != nil {
			_ = client.Close()
			continue
		}
		k.mu.Lock()
		k.conns[client], k.conns[broker] = struct{}{}, struct{}{}
		k.mu.Unlock()
		k.work.Go(func() { k.pump(client, broker, k.toBroker) })
		k.work.Go(func() { k.pump(client, broker, k.toClient) })
	}
}

// pump moves one direction of a connection until it ends.
func (k *link) pump(client, broker net.Conn, move func(client, broker net.Conn)) {
	move(client, broker)
	_, _ = client.Close(), broker.Close() // the other direction may have closed them
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, client)
	delete(k.conns, broker)
}

// toClient passes bytes on as they come.
func (k *link) toClient(client, broker net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := broker.Read(buffer)
		if err != nil {
			return
		}
		k.wait()
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// toBroker passes one message of the client's protocol on after the other.
func (k *link) toBroker(client, broker net.Conn) {
	in := bufio.NewReader(client)
	for {
		message, subject, err := readMessage(in)
		if err != nil {
			return
		}
		k.wait()
		sprung, pass := k.spring(subject)
		if !pass {
			close(sprung)
			k.wait()
		}
		if _, err := broker.Write(message); err != nil {
			return
		}
		if sprung != nil && pass {
			close(sprung)
		}
	}
}

// readMessage reads one line of a NATS client and the payload that it announces.
// Subject is where a message is published to, empty for anything else.
func readMessage(in *bufio.Reader) (message []byte, subject string, err error) {
	message, err = in.ReadBytes('\n')
	if err != nil {
		return nil, "", err
	}
	words := bytes.Fields(message)
	if len(words) < 3 || !bytes.EqualFold(words[0], []byte("PUB")) && !bytes.EqualFold(words[0], []byte("HPUB")) {
		return message, "", nil
	}
	size, err := strconv.Atoi(string(words[len(words)-1]))
	if err != nil {
		return nil, "", err
	}
	payload := make([]byte, size+len("\r\n"))
	_, err = io.ReadFull(in, payload)
	return append(message, payload...), string(words[1]), err
}

// spring makes the link deaf if a message to this subject was waited for, and
// says whether the message itself passes. What the broker answers does not.
func (k *link) spring(subject string) (sprung chan struct{}, pass bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trap == "" || !strings.HasPrefix(subject, k.trap) {
		return nil, true
	}
	k.trap = ""
	k.hearing = make(chan struct{})
	return k.sprung, k.pass
}

// deafAt makes the link deaf at the next message to a subject with this prefix:
// right after that message, or right before. The channel is closed then.
func (k *link) deafAt(prefix string, pass bool) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trap, k.pass, k.sprung = prefix, pass, make(chan struct{})
	return k.sprung
}

// wait returns while the link hears.
func (k *link) wait() {
	k.mu.Lock()
	hearing := k.hearing
	k.mu.Unlock()
	<-hearing
}

// hear lets everything pass again, what was held back first.
func (k *link) hear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.hearing:
	default:
		close(k.hearing)
	}
}

// cut ends the connections with what they hold back; new ones are heard.
func (k *link) cut() {
	k.mu.Lock()
	for conn := range k.conns {
		_ = conn.Close()
	}
	k.mu.Unlock()
	k.hear()
}
