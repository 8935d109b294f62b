// Package outbox appends items to a ledger in lists: one item when idle, many
// under load. Items that queue up while the last list is on its way share the
// next one, its signature, its append and its delivery; nothing ever waits for
// company, so batching costs no latency.
package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Appender appends one envelope. *streams.Conn implements it.
type Appender interface {
	AppendAsync(ctx context.Context, subject string, data []byte, done func(seq uint64, err error)) error
}

// Config is what an Outbox needs. All fields but the limits are required.
type Config struct {
	Appender Appender
	Kind     schemas.Kind
	Ledger   trust.Digest
	Key      *trust.SigningKey
	Vouch    func(envelope []byte) // told of each envelope before it is sent; may be nil

	MaxList     int // items in one list; 0 means schemas.MaxItems
	MaxInFlight int // lists on their way at once; 0 means 4
}

// Sent is what became of one item. Err is nil and Position set once the ledger
// has acknowledged it. An error that is streams.ErrUnknown leaves open whether
// the item is on the ledger.
type Sent struct {
	Position ledger.Position
	Err      error
}

// ErrClosed is the fate of items that were queued when Run ended.
var ErrClosed = errors.New("outbox: closed before the item was sent")

// Outbox queues items by subject. Safe for concurrent use.
type Outbox struct {
	cfg Config

	mu     sync.Mutex
	queues map[string][]pending
	order  []string // subjects with queued items, oldest first
	closed bool
	wake   chan struct{} // capacity 1: something to do
	slots  chan struct{} // one element for each list in flight
	owed   int           // guarded by mu; items added whose done has not returned
}

type pending struct {
	item []byte
	done func(Sent)
}

const (
	defaultInFlight = 4
	listOverhead    = 16 // bytes of protobuf framing for one item, at most
)

// New makes an outbox; Run moves it.
func New(cfg Config) *Outbox {
	if cfg.MaxList < 1 || cfg.MaxList > schemas.MaxItems {
		cfg.MaxList = schemas.MaxItems
	}
	if cfg.MaxInFlight < 1 {
		cfg.MaxInFlight = defaultInFlight
	}
	return &Outbox{
		cfg:    cfg,
		queues: make(map[string][]pending),
		wake:   make(chan struct{}, 1),
		slots:  make(chan struct{}, cfg.MaxInFlight),
	}
}

// Add queues one item. Done, which may be nil, is called exactly once, always
// from another goroutine, so that it may take a lock that Add's caller holds. It
// must not block for long: the acknowledgements behind it wait.
func (o *Outbox) Add(subject string, item []byte, done func(Sent)) {
	o.mu.Lock()
	o.owed++
	if o.closed {
		o.mu.Unlock()
		go o.settle(done, Sent{Err: ErrClosed})
		return
	}
	if len(o.queues[subject]) == 0 {
		o.order = append(o.order, subject)
	}
	o.queues[subject] = append(o.queues[subject], pending{item, done})
	o.mu.Unlock()
	o.nudge()
}

// Flush waits until every item that was added is settled and its done has
// returned, or Run ended.
func (o *Outbox) Flush() {
	for o.busy() {
		time.Sleep(flushPoll)
	}
}

const flushPoll = 2 * time.Millisecond

func (o *Outbox) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.closed && o.owed > 0
}

func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run sends what is queued until ctx ends; what is queued then is settled with
// ErrClosed. It returns ctx's error.
func (o *Outbox) Run(ctx context.Context) error {
	defer o.close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-o.wake:
		}
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case o.slots <- struct{}{}:
			}
			subject, batch := o.take()
			if len(batch) == 0 {
				<-o.slots
				break
			}
			o.send(ctx, subject, batch)
		}
	}
}

// take removes the next list's items: at most MaxList, at most one payload's
// bytes, all for one subject.
func (o *Outbox) take() (subject string, batch []pending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) == 0 {
		return "", nil
	}
	subject = o.order[0]
	queue := o.queues[subject]
	n, size := 0, 64
	for n < len(queue) && n < o.cfg.MaxList {
		size += len(queue[n].item) + listOverhead
		if n > 0 && size > schemas.MaxPayload {
			break
		}
		n++
	}
	batch = queue[:n:n]
	o.order = o.order[1:]
	if n < len(queue) {
		o.queues[subject] = queue[n:]
		o.order = append(o.order, subject)
	} else {
		delete(o.queues, subject)
	}
	return subject, batch
}

func (o *Outbox) send(ctx context.Context, subject string, batch []pending) {
	items := make([][]byte, len(batch))
	for i, p := range batch {
		items[i] = p.item
	}
	finish := func(seq uint64, err error) {
		<-o.slots
		for i, p := range batch {
			o.settle(p.done, Sent{Position: ledger.Position{Seq: seq, Index: uint32(i)}, Err: err})
		}
	}
	data, err := trust.SealList(o.cfg.Kind, o.cfg.Ledger, items, o.cfg.Key)
	if err != nil {
		finish(0, err)
		return
	}
	if o.cfg.Vouch != nil {
		o.cfg.Vouch(data)
	}
	if err := o.cfg.Appender.AppendAsync(ctx, subject, data, finish); err != nil {
		finish(0, err)
	}
}

func (o *Outbox) close() {
	o.mu.Lock()
	o.closed = true
	left := o.queues
	o.queues, o.order = nil, nil
	o.mu.Unlock()
	for _, queue := range left {
		for _, p := range queue {
			o.settle(p.done, Sent{Err: ErrClosed})
		}
	}
}

func (o *Outbox) settle(done func(Sent), s Sent) {
	if done != nil {
		done(s)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owed--
}
