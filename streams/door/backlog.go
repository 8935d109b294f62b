package door

import (
	"errors"
	"net"
	"sync"
)

// backlog hands a client what is sent to it. Whoever puts never waits for the
// client: what the kernel does not take at once is kept, up to a bound, for a
// goroutine that may wait.
type backlog struct {
	client net.Conn
	most   int // bytes

	mu    sync.Mutex
	more  sync.Cond // signals held, ended
	held  []byte
	busy  bool // what was taken is still being written
	ended bool
}

func newBacklog(client net.Conn, most int) *backlog {
	b := &backlog{client: client, most: most}
	b.more.L = &b.mu
	return b
}

var errUnread = errors.New("the client does not read what is sent to it")

// put sends data now, or keeps a copy of what could not be sent. What is sent
// stays in order.
func (b *backlog) put(data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.held) == 0 && !b.busy {
		if data = data[tryWrite(b.client, data):]; len(data) == 0 {
			return nil
		}
	}
	if len(b.held)+len(data) > b.most {
		return errUnread
	}
	b.held = append(b.held, data...)
	b.more.Signal()
	return nil
}

// end lets deliver return once all is delivered.
func (b *backlog) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.more.Signal()
}

// deliver writes what was kept, until end was called and nothing is left, or the
// client cannot be written to.
func (b *backlog) deliver() {
	var data []byte
	for {
		if data = b.take(data); len(data) == 0 {
			return
		}
		if _, err := b.client.Write(data); err != nil {
			return
		}
	}
}

// take waits for what is kept and returns all of it, none at the end. Spare is
// what the last take returned, to be filled next.
func (b *backlog) take(spare []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
	for len(b.held) == 0 && !b.ended {
		b.more.Wait()
	}
	if cap(spare) > keptSpare {
		spare = nil // a busy moment is no reason to keep its room for ever
	}
	data := b.held
	b.held, b.busy = spare[:0], true
	return data
}

// keptSpare is how much room an idle backlog keeps.
const keptSpare = 64 << 10
