package streams

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ReadConfig says what to read.
type ReadConfig struct {
	Stream Stream // zero: the ledger
	Filter string // a subject, wildcards allowed; "" for all
	From   uint64 // first position; 0 means 1
	To     uint64 // last position; 0 means up to the newest when Read starts
}

// Read calls each with the records of a stream that match, in ascending order,
// and returns the last position that it covered: following from the next one
// misses nothing. Where the stream ends, its leader says. It waits while the broker
// cannot be reached, or answers from the past, until ctx ends.
//
// Without a filter a hole in a stream that keeps everything is a *MissingError.
// With a filter the broker is trusted not to leave records out; whoever must
// not trust it reads without one.
func Read(ctx context.Context, c *Conn, cfg ReadConfig, each func(Raw) error) (last uint64, err error) {
	r, err := openReader(c, cfg.Stream)
	if err != nil {
		return 0, err
	}
	defer r.close()
	if cfg.Filter != "" && !r.covers(cfg.Filter) {
		return 0, fmt.Errorf("streams: read %s: filter %q is none of its subjects", r.name, cfg.Filter)
	}
	head, err := persist(ctx, c, r.head)
	if err != nil {
		return 0, err
	}
	if cfg.To == 0 || cfg.To > head {
		cfg.To = head
	}
	return cfg.To, r.each(ctx, cfg, each)
}

func (r *reader) each(ctx context.Context, cfg ReadConfig, each func(Raw) error) error {
	whole := cfg.Filter == "" && streamTable[r.stream].keepsAll
	for next := max(cfg.From, 1); next <= cfg.To; {
		records, err := persist(ctx, r.c, func(ctx context.Context) ([]Raw, error) {
			records, _, err := r.from(ctx, next, cfg.Filter, defaultBatch)
			return records, err
		})
		if err != nil {
			return err
		}
		if len(records) == 0 {
			if done, err := r.nothingUpTo(ctx, cfg, next); done || err != nil {
				return err
			}
			continue
		}
		for _, record := range records {
			if whole && record.Seq > next {
				return &MissingError{r.name, next, record.Seq - 1}
			}
			if record.Seq > cfg.To {
				return nil
			}
			if err := each(record); err != nil {
				return err
			}
			next = record.Seq + 1
		}
	}
	return nil
}

// Last returns the position of the ledger's newest record, 0 if it is empty.
func (c *Conn) Last(ctx context.Context) (uint64, error) {
	r, err := openReader(c, Ledger)
	if err != nil {
		return 0, err
	}
	defer r.close()
	return persist(ctx, c, r.head)
}

// Get returns the ledger's record at a position. One that is not there is a
// *MissingError.
func (c *Conn) Get(ctx context.Context, seq uint64) (Raw, error) {
	if seq == 0 {
		return Raw{}, errors.New("streams: get: positions start at 1")
	}
	r, err := openReader(c, Ledger)
	if err != nil {
		return Raw{}, err
	}
	defer r.close()
	return persist(ctx, c, func(ctx context.Context) (Raw, error) {
		record, found, err := r.one(ctx, seq, "")
		if err == nil && !found {
			err = r.beyond(ctx, seq)
		}
		if err == nil && (!found || record.Seq != seq) {
			err = &MissingError{r.name, seq, seq}
		}
		return record, err
	})
}

func openReader(c *Conn, s Stream) (*reader, error) {
	if !s.valid() {
		return nil, fmt.Errorf("streams: %d is no stream", s)
	}
	if c.cfg.Zone == "" {
		return nil, errors.New("streams: read: the connection names no zone; set ConnConfig.Zone")
	}
	return newReader(c, s)
}

const retryWait = 100 * time.Millisecond

// persist repeats a read while it proves nothing, until ctx ends.
func persist[T any](ctx context.Context, c *Conn, read func(context.Context) (T, error)) (T, error) {
	for {
		v, err := read(ctx)
		if !errors.Is(err, errTryAgain) {
			return v, err
		}
		if err := pause(ctx, c, retryWait, err); err != nil {
			return v, err
		}
	}
}

// pause waits before a read is tried again; cause is why it must be.
func pause(ctx context.Context, c *Conn, d time.Duration, cause error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", context.Cause(ctx), cause)
	case <-c.done:
		return fmt.Errorf("%w: %w", ErrClosed, cause)
	case <-timer.C:
		return nil
	}
}
