package streams

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// What a replica does not have proves nothing while its leader has more. Records
// that it has are the stream's: replicas keep nothing that was not agreed on.

// errLags says that a replica answered from the past.
func (r *reader) errLags(seq uint64) error {
	return fmt.Errorf("%w: %s: a replica has no position %d yet, and its leader has", errTryAgain, r.name, seq)
}

// head returns the position of the stream's newest record, as its leader has it.
func (r *reader) head(ctx context.Context) (uint64, error) {
	said, err := r.c.standing(ctx, r.stream)
	return said.last, err
}

// beyond returns nil if a position at which a replica found nothing is beyond the
// stream's end.
func (r *reader) beyond(ctx context.Context, seq uint64) error {
	head, err := r.head(ctx)
	if err == nil && seq <= head {
		err = r.errLags(seq)
	}
	return err
}

// firstOrNext returns the position of the first record at or after a time, or the
// one after the newest if there is none yet.
func (r *reader) firstOrNext(ctx context.Context, at time.Time) (uint64, error) {
	seq, found, err := r.firstAt(ctx, at)
	if err != nil || found {
		return seq, err
	}
	head, err := r.head(ctx)
	if err != nil || head == 0 {
		return head + 1, err
	}
	newest, there, err := r.one(ctx, head, "")
	switch {
	case err != nil:
		return 0, err
	case !there, !newest.Foreign && !newest.Time.Before(at):
		return 0, r.errLags(head)
	}
	return head + 1, nil
}

// nothingUpTo reports whether a read that found nothing from a position on is done;
// if it is not, it waits a little, and whoever called reads on from there.
func (r *reader) nothingUpTo(ctx context.Context, cfg ReadConfig, next uint64) (done bool, err error) {
	done, err = persist(ctx, r.c, func(ctx context.Context) (bool, error) {
		said, err := r.c.standing(ctx, r.stream)
		switch whole := cfg.Filter == "" && streamTable[r.stream].keepsAll; {
		case err != nil:
			return false, err
		case whole && next > said.last:
			return true, &MissingError{r.name, next, cfg.To}
		case whole:
			return false, nil
		case cfg.Filter == "" || len(said.replicas) == 0:
			return true, nil
		}
		return r.exhausted(ctx, cfg.Filter, next, cfg.To)
	})
	if done || err != nil {
		return done, err
	}
	return false, pause(ctx, r.c, retryWait, r.errLags(next))
}

// exhausted reports whether nothing between two positions matches a filter. It has
// one replica say, in one answer, that it has the last position and what matches
// before it: for its witness there, and for the filter, the newest of each subject.
func (r *reader) exhausted(ctx context.Context, filter string, from, to uint64) (bool, error) {
	witness, err := r.witness(ctx, from, to)
	if err != nil || witness.Foreign {
		return err == nil, err // what is foreign matches nothing
	}
	present, more, tooMany := false, matches(filter, witness.Subject) && witness.Seq <= to, false
	req := getRequest{MultiLast: []string{filter, witness.Subject}, Seq: from, UpTo: witness.Seq}
	err = r.ask(ctx, req, func(m *nats.Msg) (bool, error) {
		if code := status(m); code != 0 {
			tooMany = code == 413
			return false, nil
		}
		record, _, ok := recordOf(m, r.name, batchAnswer)
		present = present || ok && record.Seq == witness.Seq
		more = more || !ok || record.Seq != witness.Seq && record.Seq <= to
		return true, nil
	})
	switch {
	case err != nil:
		return false, err
	case tooMany:
		return r.unmatched(ctx, filter, from, to)
	case !present && !more:
		return false, r.errLags(witness.Seq)
	}
	return !more, nil
}

// witness is a record whose subject is known, at a position or, if what stands
// there is foreign, as little before it as possible. It is foreign if all are.
func (r *reader) witness(ctx context.Context, from, at uint64) (Raw, error) {
	for {
		record, found, err := r.one(ctx, at, "")
		switch {
		case err != nil:
			return Raw{}, err
		case !found:
			return Raw{}, r.errLags(at)
		case !record.Foreign || at <= from:
			return record, nil
		}
		at--
	}
}

// unmatched is exhausted for more subjects than the broker answers for at once: it
// reads all that is between.
func (r *reader) unmatched(ctx context.Context, filter string, from, to uint64) (bool, error) {
	for from <= to {
		records, _, err := r.from(ctx, from, "", defaultBatch)
		if err != nil {
			return false, err
		}
		if len(records) == 0 {
			return false, r.errLags(from)
		}
		for _, record := range records {
			if record.Seq <= to && matches(filter, record.Subject) {
				return false, nil
			}
		}
		from = records[len(records)-1].Seq + 1
	}
	return true, nil
}

// matches reports whether a subject is one of a filter's.
func matches(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case i >= len(have):
			return false
		case token == ">":
			return true
		case token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
