package disk

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// sector is what a drive writes whole or not at all, in bytes.
const sector = 512

var errPower = errors.New("disk: no power")

// medium is a disk with its cache. Safe for concurrent use.
type medium struct {
	durable io.WriterAt // what outlasts the power

	mu      sync.Mutex
	now     []byte  // what a reader sees: durable and cache
	cache   []write // since the last flush, oldest first
	written int     // bytes in the cache
	off     bool    // no power: nothing works
	due     *due    // nil while nobody means to take the power away
	failing bool    // the medium takes nothing more, and can still be read
}

type write struct {
	at   int64
	data []byte
}

// due is a power loss that is to come.
type due struct {
	writes  int // until then
	survive int
	random  *rand.Rand
	done    chan Cut // capacity 1
	failed  chan error
}

// Cut is what a power loss did.
type Cut struct {
	Cached int // bytes that were written and not flushed
	Lost   int // bytes of these that are gone
}

// ReadAt implements io.ReaderAt.
func (m *medium) ReadAt(b []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return 0, errPower
	}
	if at < 0 || at >= int64(len(m.now)) {
		return 0, io.EOF
	}
	n := copy(b, m.now[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt; what it wrote is in the cache.
func (m *medium) WriteAt(b []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off || m.failing {
		return 0, errPower
	}
	if at < 0 || at+int64(len(b)) > int64(len(m.now)) {
		return 0, io.ErrShortWrite
	}
	copy(m.now[at:], b)
	m.cache = append(m.cache, write{at, append([]byte(nil), b...)})
	m.written += len(b)
	if m.due != nil {
		m.due.writes--
		m.cutIfDue()
	}
	return len(b), nil
}

// Flush makes durable what was written before.
func (m *medium) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off || m.failing {
		return errPower
	}
	for _, w := range m.cache {
		if _, err := m.durable.WriteAt(w.data, w.at); err != nil {
			return err
		}
	}
	m.cache, m.written = nil, 0
	return nil
}

// fail lets every write and flush fail from now on.
func (m *medium) fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = true
}

// cut takes the power away when so many more writes have come. Of the sectors in the cache so many in a thousand survive
// then, as the seed has it.
func (m *medium) cut(writes, survive int, seed uint64) (Cut, error) {
	m.mu.Lock()
	if m.off || m.due != nil {
		m.mu.Unlock()
		return Cut{}, errPower
	}
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a choice to be repeated, not a secret
	d := &due{writes, survive, random, make(chan Cut, 1), make(chan error, 1)}
	m.due = d
	m.cutIfDue()
	m.mu.Unlock()
	select {
	case done := <-d.done:
		return done, nil
	case err := <-d.failed:
		return Cut{}, err
	}
}

func (m *medium) cutIfDue() {
	if m.due.writes > 0 {
		return
	}
	m.off = true
	done, err := m.lose(m.due.survive, m.due.random)
	if err != nil {
		m.due.failed <- err
	} else {
		m.due.done <- done
	}
	m.due, m.cache, m.written = nil, nil, 0
}

// lose keeps what survives of the cache.
func (m *medium) lose(survive int, random *rand.Rand) (Cut, error) {
	done := Cut{Cached: m.written}
	for _, w := range m.cache {
		for i := 0; i < len(w.data); i += sector {
			piece := w.data[i:min(i+sector, len(w.data))]
			if random.IntN(1000) >= survive {
				done.Lost += len(piece)
				continue
			}
			if _, err := m.durable.WriteAt(piece, w.at+int64(i)); err != nil {
				return Cut{}, err
			}
		}
	}
	return done, nil
}
