package zone

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/portcullis-dev/portcullis/streams"
)

// checkpoints finds those that go with an export up to a position, by size: of
// each tree the largest that fits, and the best witnessed of the minute before it.
func (x *Exporter) checkpoints(ctx context.Context, b *base, to uint64) ([]checkpoint, error) {
	var all []checkpoint
	for origin := range b.origins() {
		found, err := x.largest(ctx, b, origin, min(b.most(origin), to))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(c, d checkpoint) int { return cmp.Compare(c.Size, d.Size) })
	return all, nil
}

const (
	checkpointWindow = 128 // notes read at once, from the end backwards

	// timely is how long after the record that it ends with an honest note is
	// published, with cosignatures; recorders publish within ten seconds.
	timely = time.Minute
)

// largest finds the largest checkpoint of a tree that covers at most so many
// records, and before it the one of the last minute that is better witnessed, if
// there is such a one.
//
// Nothing is taken from the order of the stream: whoever may write there may write
// an old note again, and a witness that cosigns late does. So the search goes
// back until a minute before the largest note that it has seen. If that one was
// published in time, no larger one stands further back: it would cover the same
// record, and be older than it. Otherwise all of the stream is searched, which
// verifies those alone that claim to be larger.
func (x *Exporter) largest(ctx context.Context, b *base, origin int, most uint64) ([]checkpoint, error) {
	head, err := x.headFor(ctx, most)
	if err != nil {
		return nil, err
	}
	s := &noteSearch{base: b, origin: origin, most: most}
	if err := x.searchBack(ctx, s, head); err != nil || s.found == nil {
		return nil, err
	}
	inTime, err := x.inTime(ctx, s.found)
	if err != nil {
		return nil, err
	}
	if !inTime {
		s.all = true
		if head, err = x.readNotes(ctx, ^uint64(0), 0, nil); err != nil {
			return nil, err
		}
		if err := x.searchBack(ctx, s, head); err != nil {
			return nil, err
		}
	}
	return inOrderOfSize(s.found, s.best), nil
}

// noteSearch is a search for the checkpoints of one tree, from the stream's end
// backwards.
type noteSearch struct {
	*base
	origin int
	most   uint64
	all    bool        // of the whole stream
	found  *checkpoint // the largest; of its copies the first that was stored
	best   *checkpoint // the best witnessed
}

// see takes a note; more is false when none before it matters.
func (s *noteSearch) see(raw streams.Raw) (more bool) {
	near := s.found == nil || !raw.Time.Before(s.found.at.Add(-timely))
	if !near && !s.all {
		return false
	}
	c, ok := s.claimed(raw, s.origin, s.most)
	if !ok || !near && c.Size <= s.found.Size {
		return true
	}
	opened, ok := s.open(raw, c)
	if !ok {
		return true
	}
	if s.found == nil || opened.Size >= s.found.Size {
		s.found = &opened
	}
	if s.best == nil || rank(opened, *s.best) > 0 {
		s.best = &opened
	}
	return true
}

// rank compares what two are worth: the cosignatures that are asked for come
// first, then what covers more, then more cosignatures.
func rank(c, d checkpoint) int {
	asked := func(c checkpoint) int { return min(len(c.Cosigned), max(c.asked, 1)) }
	return cmp.Or(cmp.Compare(asked(c), asked(d)), cmp.Compare(c.Size, d.Size), cmp.Compare(len(c.Cosigned), len(d.Cosigned)))
}

// searchBack reads the stream from a position backwards, as far as the search
// wants.
func (x *Exporter) searchBack(ctx context.Context, s *noteSearch, head uint64) error {
	for head > 0 {
		from := max(head, checkpointWindow) - checkpointWindow + 1
		var window []streams.Raw
		if _, err := x.readNotes(ctx, from, head, func(raw streams.Raw) { window = append(window, raw) }); err != nil {
			return err
		}
		for _, raw := range slices.Backward(window) {
			if !s.see(raw) {
				return nil
			}
		}
		head = from - 1
	}
	return nil
}

// inTime reports whether a checkpoint was published soon after its last record. If
// that one is not there, or its time cannot be told, it is not.
func (x *Exporter) inTime(ctx context.Context, c *checkpoint) (bool, error) {
	at, err := x.storedAt(ctx, c.Size)
	return err == nil && !at.IsZero() && c.at.Sub(at) <= timely, err
}

// storedAt is when the ledger got the record at a position; zero if there is none,
// or one with headers of its own.
func (x *Exporter) storedAt(ctx context.Context, position uint64) (time.Time, error) {
	raw, err := x.conn.Get(ctx, position)
	if errors.Is(err, streams.ErrMissing) {
		return time.Time{}, nil
	}
	return raw.Time, err
}

// headFor is a place in the stream behind which no checkpoint of so many records
// was published in time: what came then covers the next record too.
func (x *Exporter) headFor(ctx context.Context, most uint64) (uint64, error) {
	head, err := x.readNotes(ctx, ^uint64(0), 0, nil) // reads none, and says where the end is
	if err != nil || most == ^uint64(0) || head == 0 {
		return head, err
	}
	next, err := x.storedAt(ctx, most+1)
	if err != nil || next.IsZero() {
		return head, err
	}
	var failed error
	n := sort.Search(int(head), func(i int) (behind bool) { //nolint:gosec // no stream is that long
		if failed != nil {
			return true
		}
		_, failed = x.readNotes(ctx, uint64(i)+1, uint64(i)+1, func(raw streams.Raw) { behind = raw.Time.After(next.Add(timely)) }) //nolint:gosec // not negative
		return behind
	})
	return uint64(n), failed //nolint:gosec // not negative
}

// inOrderOfSize is the two without what one makes superfluous.
func inOrderOfSize(largest, best *checkpoint) []checkpoint {
	switch {
	case largest == nil:
		return nil
	case best.Size == largest.Size || bytes.Equal(best.note, largest.note):
		return []checkpoint{*best}
	default:
		return []checkpoint{*best, *largest}
	}
}

// readNotes reads the stream of checkpoints and returns the position of its end,
// or to, whichever is less. Notes with headers of their own are left out.
func (x *Exporter) readNotes(ctx context.Context, from, to uint64, each func(streams.Raw)) (uint64, error) {
	last, err := streams.Read(ctx, x.conn, streams.ReadConfig{Stream: streams.Checkpoints, From: from, To: to}, func(raw streams.Raw) error {
		if !raw.Foreign {
			each(raw)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("zone: reading checkpoints: %w", err)
	}
	return last, nil
}
