package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Records are read by position with JetStream's direct get (server ADR-31):
// one request, up to batch answers in ascending order, then an end of batch
// that names the last position answered. No consumer is involved, so a reader
// needs no right to make one.

const (
	defaultBatch  = 512             // far fewer than liveMessages, which bounds what a reader may queue too
	maxBatchBytes = 4 << 20         // at most one record more than this is in flight per reader
	answerTimeout = 5 * time.Second // between two answers
)

// errTryAgain marks a read that proves nothing: no connection, no leader, an
// answer lost on its way. The reader asks again.
var errTryAgain = errors.New("streams: read interrupted")

// getRequest is the body of a direct get. One of Seq and StartTime is set.
type getRequest struct {
	Seq       uint64     `json:"seq,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	Filter    string     `json:"next_by_subj,omitempty"`
	LastOf    string     `json:"last_by_subj,omitempty"`
	MultiLast []string   `json:"multi_last,omitempty"`
	UpTo      uint64     `json:"up_to_seq,omitempty"`
	Batch     int        `json:"batch,omitempty"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
	NoHeaders bool       `json:"no_hdr,omitempty"`
}

// batchEnd is what the end of a batch says. Last is 0 if nothing matched.
type batchEnd struct {
	last    uint64 // position of the last answer
	pending uint64 // records behind it that match
}

// reader asks one stream, one request at a time. Not safe for concurrent use.
type reader struct {
	c      *Conn
	stream Stream
	name   string // the stream's, in JetStream
	inbox  string
	sub    *nats.Subscription
	asked  uint64 // requests so far: the token of the newest
	ignore func() // stop listening to the connection

	mu     sync.Mutex
	giveUp context.CancelFunc // guarded by mu; ends the request in progress
}

func newReader(c *Conn, s Stream) (*reader, error) {
	r := &reader{c: c, stream: s, name: s.Name(c.cfg.Zone), inbox: c.nc.NewInbox(), giveUp: func() {}}
	sub, err := c.nc.SubscribeSync(r.inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("streams: read %s: %w", r.name, c.closedOr(err))
	}
	r.sub = sub
	r.ignore = c.listen(func(e connEvent) {
		if e == eventLost {
			r.mu.Lock()
			r.giveUp() // its answers went to a connection that is gone
			r.mu.Unlock()
		}
	})
	return r, nil
}

func (r *reader) close() {
	r.ignore()
	_ = r.sub.Unsubscribe()
}

// closedOr tells a closed connection from whatever else went wrong.
func (c *Conn) closedOr(err error) error {
	if c.nc.IsClosed() || c.nc.IsDraining() {
		return ErrClosed
	}
	return err
}

// ask sends a request and calls each with its answers until each says stop.
func (r *reader) ask(ctx context.Context, req getRequest, each func(*nats.Msg) (more bool, err error)) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("streams: read %s: %w", r.name, err)
	}
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	r.giveUp = cancel
	r.mu.Unlock()
	patience := time.AfterFunc(answerTimeout, cancel)
	defer patience.Stop()

	r.asked++
	reply := r.inbox + "." + strconv.FormatUint(r.asked, 36)
	if err := r.c.nc.PublishRequest(r.stream.directGet(r.c.cfg.Zone), reply, body); err != nil {
		return fmt.Errorf("%w: %s: %w", errTryAgain, r.name, r.c.closedOr(err))
	}
	for {
		m, err := r.sub.NextMsgWithContext(wait)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("%w: %s: %w", errTryAgain, r.name, r.c.closedOr(err))
		case m.Subject != reply:
			continue // an answer to a request that was given up
		}
		patience.Reset(answerTimeout)
		if code := status(m); code == 503 || code == 408 || code == 412 {
			return fmt.Errorf("%w: %s: broker answers %d %s", errTryAgain, r.name, code, m.Header.Get(headerDescr))
		}
		if more, err := each(m); !more || err != nil {
			return err
		}
	}
}

// batch reads records from a position (or time) on: those of the broker's
// answers whose position is certain, and the position to go on from. Odd is
// true when the record there, if there is one, must be read by one().
func (r *reader) batch(ctx context.Context, req getRequest) (records []Raw, end batchEnd, odd bool, err error) {
	req.MaxBytes = maxBatchBytes
	var prev uint64
	err = r.ask(ctx, req, func(m *nats.Msg) (bool, error) {
		if done, e, err := endOf(m); done || err != nil {
			end = e
			return false, err
		}
		record, before, ok := recordOf(m, r.name, batchAnswer)
		// A batch names in each answer the one before it: a lost answer or a
		// foreign record breaks the chain, and what follows is asked for again.
		if odd = odd || !ok || before != prev || record.Seq <= prev; !odd {
			records, prev = append(records, record), record.Seq
		}
		return true, nil
	})
	return records, end, odd || end.last != prev, err
}

// endOf reads the end of a batch; done is false for any other message.
func endOf(m *nats.Msg) (done bool, end batchEnd, err error) {
	switch status(m) {
	case 404:
		return true, batchEnd{}, nil
	case 204:
		last, err := strconv.ParseUint(m.Header.Get(headerPrev), 10, 64)
		if err != nil {
			return true, end, fmt.Errorf("%w: end of batch without a position", errTryAgain)
		}
		pending, err := strconv.ParseUint(m.Header.Get(headerPending), 10, 64)
		if err != nil {
			return true, end, fmt.Errorf("%w: end of batch without a count", errTryAgain)
		}
		return true, batchEnd{last, pending}, nil
	}
	return false, end, nil
}

// one reads the first record that matches at or behind a position, foreign
// ones included: the end of a batch of one is the broker's alone and names the
// record's position, whatever the record itself pretends.
func (r *reader) one(ctx context.Context, seq uint64, filter string) (record Raw, found bool, err error) {
	records, end, odd, err := r.batch(ctx, getRequest{Seq: seq, Filter: filter, Batch: 1})
	switch {
	case err != nil || end.last == 0:
		return Raw{}, false, err
	case !odd && len(records) == 1:
		return records[0], true, nil
	}
	return r.foreign(ctx, end.last)
}

// foreign reads a record without its headers.
func (r *reader) foreign(ctx context.Context, seq uint64) (record Raw, found bool, err error) {
	err = r.ask(ctx, getRequest{Seq: seq, NoHeaders: true}, func(m *nats.Msg) (bool, error) {
		switch {
		case receivedHeader(m) == 0:
			record, found = Raw{Seq: seq, Data: m.Data, Foreign: true}, true
			return false, nil
		case status(m) == 404:
			return false, nil
		}
		return false, fmt.Errorf("%w: %s: record %d came with headers", errTryAgain, r.name, seq)
	})
	return record, found, err
}

// from reads what matches from a position on, in order, without a gap that the
// broker did not make. Pending says that there is more behind it.
func (r *reader) from(ctx context.Context, seq uint64, filter string, batch int) (records []Raw, pending bool, err error) {
	records, end, odd, err := r.batch(ctx, getRequest{Seq: seq, Filter: filter, Batch: batch})
	if err != nil {
		return nil, false, err
	}
	if !odd {
		return records, end.pending > 0, nil
	}
	if len(records) > 0 {
		return records, true, nil // the odd one is first in the next batch
	}
	record, found, err := r.one(ctx, seq, filter)
	if err != nil || !found {
		return nil, false, err
	}
	return []Raw{record}, true, nil
}

// firstAt returns the position of the first record at or after a time; found
// is false if there is none yet.
func (r *reader) firstAt(ctx context.Context, at time.Time) (seq uint64, found bool, err error) {
	at = at.UTC()
	_, end, _, err := r.batch(ctx, getRequest{StartTime: &at, Batch: 1})
	return end.last, end.last > 0, err
}

// covers reports whether filter belongs to the stream that r reads.
func (r *reader) covers(filter string) bool {
	prefix, _ := strings.CutSuffix(r.stream.filter(r.c.cfg.Zone), ">")
	return strings.HasPrefix(filter, prefix)
}
