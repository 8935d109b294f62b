package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// FollowConfig says what to follow and from where.
type FollowConfig struct {
	Stream   Stream    // zero: the ledger
	FromSeq  uint64    // first position to deliver; 0 means 1
	FromTime time.Time // if set, instead of FromSeq: the first record at or after it
	Batch    int       // records read at once while catching up; 0 means 512, which is the most

	// CaughtUp is called once, when everything that the stream held was
	// delivered; head is the position of its newest record, 0 if empty.
	CaughtUp func(head uint64)

	// State is called at each change, in order, starting with CatchingUp or
	// Disconnected. Disconnected is told as soon as the connection is known to
	// be lost, while step may still be running in another goroutine; the calls
	// themselves never overlap. It must not block.
	State func(State)
}

const (
	idleProbe     = time.Second // an idle follower looks at the tail this often
	liveMessages  = 1 << 12     // announcements queued for a slow follower, beyond which it reads by position
	liveBytes     = 64 << 20    // the same in bytes
	confirmations = 5           // looks that must agree before a stream is said to have regressed or lost records
	confirmWait   = 200 * time.Millisecond

	clusterConfirmations = 25 // the same in a cluster
)

// Follow delivers every record of a stream from a position on, each exactly
// once, in stream order, without gaps, as soon as it is stored. prepare turns
// a record into what step takes: it may run for several records at once and
// must be safe for that; step runs for one record at a time, in order, in the
// caller's goroutine. more is true when another call of step follows at once
// (false is the moment to flush).
//
// It ends with ctx's cause, with step's error, or with ErrRegressed, ErrMissing
// or ErrClosed; never because of what a record contains, nor because the
// connection is lost.
//
// How: announcements of stored records give the lowest latency but can be
// lost, so each must continue the position before it. Whatever is not so
// continued (the start, gaps, the idle tail, reconnects) is read by position.
func Follow[T any](ctx context.Context, c *Conn, cfg FollowConfig, prepare func(Raw) T, step func(T, bool) error) error {
	r, err := openReader(c, cfg.Stream)
	if err != nil {
		return err
	}
	defer r.close()
	f := &follower[T]{ctx: ctx, c: c, cfg: cfg, r: r, prepare: prepare, step: step, state: newStateTeller(cfg.State), wake: newWaker()}
	if f.cfg.Batch <= 0 || f.cfg.Batch > defaultBatch {
		f.cfg.Batch = defaultBatch
	}
	if err := f.subscribe(); err != nil {
		return err
	}
	defer f.close()
	return f.run()
}

// follower is one Follow. Its fields belong to the goroutine that called it.
type follower[T any] struct {
	ctx     context.Context // lives as long as the call
	c       *Conn
	cfg     FollowConfig
	r       *reader
	prepare func(Raw) T
	step    func(T, bool) error

	live   *nats.Subscription
	state  *stateTeller
	wake   *waker
	ignore func() // stop listening to the connection

	next    uint64 // position to deliver next
	last    Raw    // newest record delivered; only Seq is known before the first
	known   bool   // last is a whole record
	caught  bool   // CaughtUp was called
	strikes int    // looks in a row that contradict what was read
	doubt   bool   // the newest look did, or found a replica that lags
}

func (f *follower[T]) subscribe() error {
	sub, err := f.c.nc.SubscribeSync(f.cfg.Stream.live(f.c.cfg.Zone))
	if err != nil {
		return fmt.Errorf("streams: follow %s: %w", f.r.name, f.c.closedOr(err))
	}
	if err := sub.SetPendingLimits(liveMessages, liveBytes); err != nil {
		return fmt.Errorf("streams: follow %s: %w", f.r.name, f.c.closedOr(err))
	}
	f.live = sub
	f.ignore = f.c.listen(func(e connEvent) {
		if e == eventLost {
			f.state.tell(Disconnected)
		}
		f.wake.now()
	})
	return nil
}

func (f *follower[T]) close() {
	f.ignore()
	f.wake.stop()
	_ = f.live.Unsubscribe()
}

func (f *follower[T]) run() error {
	if f.c.Connected() {
		f.state.tell(CatchingUp)
	} else {
		f.state.tell(Disconnected)
	}
	if err := f.start(); err != nil {
		return err
	}
	for {
		if err := f.catchUp(); err != nil {
			return err
		}
		if err := f.announced(); err != nil {
			return err
		}
	}
}

// start finds the first position.
func (f *follower[T]) start() error {
	f.next = max(f.cfg.FromSeq, 1)
	if f.cfg.FromTime.IsZero() {
		f.last = Raw{Seq: f.next - 1}
		return nil
	}
	seq, err := persist(f.ctx, f.c, func(ctx context.Context) (uint64, error) {
		return f.r.firstOrNext(ctx, f.cfg.FromTime)
	})
	f.next, f.last = seq, Raw{Seq: seq - 1}
	return err
}

// catchUp reads by position until nothing is behind. It starts with the record
// delivered last, to see that the stream is still the one that was read.
func (f *follower[T]) catchUp() error {
	verified := !f.keepsAll() || f.last.Seq == 0
	for {
		pending, err := f.catchUpOnce(verified)
		switch {
		case errors.Is(err, errTryAgain):
			verified = !f.keepsAll() || f.last.Seq == 0
			f.state.tell(Disconnected)
			if err := pause(f.ctx, f.c, retryWait, err); err != nil {
				return err
			}
		case err != nil:
			return err
		case !pending:
			behind, err := f.behind()
			if err != nil {
				return err
			}
			if !behind {
				f.isLive()
				return nil
			}
		default:
			verified = !f.doubt
			f.state.tell(CatchingUp)
		}
	}
}

func (f *follower[T]) isLive() {
	if !f.caught && f.cfg.CaughtUp != nil {
		f.cfg.CaughtUp(f.last.Seq)
	}
	f.caught = true
	f.state.tellIf(Live, f.c.Connected)
}

// catchUpOnce reads one batch; unless verified, the record delivered last is
// read with it and compared.
func (f *follower[T]) catchUpOnce(verified bool) (pending bool, err error) {
	from := f.next
	if !verified {
		from = f.last.Seq
	}
	records, pending, err := f.r.from(f.ctx, from, "", f.cfg.Batch)
	if err != nil {
		return false, err
	}
	if !verified {
		if len(records) == 0 || f.contradicts(records[0]) {
			return true, f.strike(len(records) == 0, fmt.Errorf("%w: %s ends before, or differs at, position %d, which was already read; restore the newest copy, or let governors sign for the loss",
				ErrRegressed, f.r.name, f.last.Seq))
		}
		f.last, f.known, records = records[0], true, records[1:]
	}
	if len(records) > 0 && f.keepsAll() && records[0].Seq != f.next {
		return true, f.strike(false, &MissingError{f.r.name, f.next, records[0].Seq - 1})
	}
	f.strikes, f.doubt = 0, false
	return pending, f.deliver(f.contiguous(records))
}

func (f *follower[T]) keepsAll() bool { return streamTable[f.cfg.Stream].keepsAll }

func (f *follower[T]) contradicts(r Raw) bool {
	if f.known {
		return !r.same(f.last)
	}
	return r.Seq != f.last.Seq
}

// behind reports, before everything that the stream held counts as delivered,
// whether its leader has more, and waits a little then: a replica that lags gives
// its own end for the stream's.
func (f *follower[T]) behind() (bool, error) {
	if f.caught {
		return false, nil
	}
	head, err := persist(f.ctx, f.c, f.r.head)
	if err != nil || f.last.Seq >= head || !f.keepsAll() {
		return false, err
	}
	f.state.tell(CatchingUp)
	return true, pause(f.ctx, f.c, retryWait, errTryAgain)
}

// strike returns the verdict when enough looks agreed. One look proves little: a
// replica that lags behind gives the same answers. So a look counts only if the
// stream's leader does not contradict it, and several must agree: a leader that
// was just elected may take a moment to have all that was acknowledged. Absent says
// that the look found nothing where something was read.
func (f *follower[T]) strike(absent bool, verdict error) error {
	f.doubt = true
	f.state.tell(Disconnected)
	said, err := f.c.standing(f.ctx, f.cfg.Stream)
	switch {
	case errors.Is(err, errTryAgain):
	case err != nil:
		return err
	case absent && said.last >= f.last.Seq:
		f.strikes = 0
	default:
		f.strikes++
	}
	if f.strikes >= looks(said) {
		return verdict
	}
	return pause(f.ctx, f.c, confirmWait, verdict)
}

// looks is how many looks must agree: in a cluster more, for who was just elected
// may take seconds to have all that was acknowledged.
func looks(said standing) int {
	if len(said.replicas) > 0 {
		return clusterConfirmations
	}
	return confirmations
}

// contiguous cuts records before the first hole.
func (f *follower[T]) contiguous(records []Raw) []Raw {
	if !f.keepsAll() {
		return records
	}
	for i, r := range records {
		if r.Seq != f.next+uint64(i) {
			return records[:i]
		}
	}
	return records
}

// announced delivers announcements for as long as they continue the position.
// It returns nil when the stream must be read by position.
func (f *follower[T]) announced() error {
	for {
		m, err := f.live.NextMsgWithContext(f.wake.context(f.ctx))
		if err != nil {
			return f.interrupted(err)
		}
		records, whole := f.drain(m)
		if err := f.deliver(records); err != nil {
			return err
		}
		if !whole {
			return nil
		}
	}
}

// interrupted tells why waiting for an announcement ended: nil when the stream
// must be looked at by position.
func (f *follower[T]) interrupted(cause error) error {
	switch {
	case f.ctx.Err() != nil:
		return context.Cause(f.ctx)
	case errors.Is(cause, context.Canceled): // idle, or the connection changed
		f.wake.seen()
		return nil
	case errors.Is(cause, nats.ErrSlowConsumer): // announcements were dropped
		return nil
	}
	return fmt.Errorf("streams: follow %s: %w", f.r.name, f.c.closedOr(cause))
}

// drain takes the announcement m and those queued behind it, as far as they
// continue the position; whole is false when something does not.
func (f *follower[T]) drain(m *nats.Msg) (records []Raw, whole bool) {
	queued, _, err := f.live.Pending()
	if err != nil {
		queued = 0
	}
	for next := f.next; ; {
		record, _, ok := recordOf(m, f.r.name, announcement)
		switch {
		case !ok || m.Subject != livePrefix+record.Subject:
			return records, false
		case record.Seq < next:
			// Read by position before its announcement came. A record that is
			// newer than what stood there is another history: look.
			if f.known && record.Time.After(f.last.Time) && len(records) == 0 && !f.last.Foreign {
				return records, false
			}
		case record.Seq == next || !f.keepsAll():
			records, next = append(records, record), record.Seq+1
		default:
			return records, false
		}
		if queued--; queued < 0 || len(records) == f.cfg.Batch {
			return records, true
		}
		if m, err = f.live.NextMsgWithContext(f.ctx); err != nil {
			return records, false
		}
	}
}

// deliver runs prepare and step over records, and moves the position.
func (f *follower[T]) deliver(records []Raw) error {
	if len(records) == 0 {
		return nil
	}
	f.wake.later(idleProbe)
	return inOrder(records, f.prepare, func(i int, v T) error {
		if err := f.ctx.Err(); err != nil {
			return context.Cause(f.ctx)
		}
		if err := f.step(v, i < len(records)-1); err != nil {
			return err
		}
		f.last, f.known, f.next = records[i], true, records[i].Seq+1
		return nil
	})
}
