package enforcer

import (
	"context"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// recovered is what an enforcer knows of its past before it starts to decide:
// where its feed must begin, and which intents from there on a quorum has
// decided already.
type recovered struct {
	from uint64
	// decided holds the quorum's decision by the intent's position, in round 0.
	decided map[ledger.Position]*pb.Decision
}

// recover finds the shortest tail of the ledger that determines the state. A
// verdict depends on at most W before its intent, so the tail must begin W
// before the newest record and W before the first intent that no quorum has
// decided, which may be much older.
func (e *Enforcer) recover(ctx context.Context) (recovered, error) {
	last, err := e.cfg.Conn.Last(ctx)
	if err != nil || last == 0 {
		return recovered{from: 1}, err
	}
	newest, err := e.cfg.Conn.Get(ctx, last)
	if err != nil {
		return recovered{}, err
	}
	bounds, err := feed.Longest(ctx, e.cfg.Conn, e.cfg.ID.Zone, e.cfg.Ledger)
	if err != nil {
		return recovered{}, err
	}
	memory := bounds.Memory
	start := newest.Time.Add(-memory)
	for {
		from, err := e.cfg.Conn.SeqAt(ctx, start)
		if err != nil {
			return recovered{}, err
		}
		t, err := e.readTail(ctx, from, last)
		if err != nil {
			return recovered{}, err
		}
		needed := t.undecided.Add(-memory)
		if from <= 1 || t.undecided.IsZero() || !needed.Before(start) {
			return recovered{from: from, decided: t.decided}, nil
		}
		start = needed
	}
}

// tail is what the records of a range say about decisions.
type tail struct {
	decided   map[ledger.Position]*pb.Decision
	undecided time.Time // log time of the first intent without a quorum; zero if none
}

func (e *Enforcer) readTail(ctx context.Context, from, last uint64) (tail, error) {
	r := tailReader{
		decided: make(map[ledger.Position]*pb.Decision),
		count:   newTally(),
		open:    make(map[trust.Digest]time.Time),
	}
	cfg := feed.Config{
		Conn: e.cfg.Conn, Zone: e.cfg.ID.Zone, Ledger: e.cfg.Ledger, Keys: e.keys, Logger: slog.New(slog.DiscardHandler), FromSeq: from,
		Skip: []schemas.Kind{schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval},
	}
	if err := feed.Until(ctx, cfg, last, readAhead, r.step); err != nil {
		return tail{}, err
	}
	return r.tail(), nil
}

// tailReader gathers a tail.
type tailReader struct {
	decided map[ledger.Position]*pb.Decision
	count   *tally
	open    map[trust.Digest]time.Time // intents whose re-send would get no second decision → until when
	intents []intentAt
}

type intentAt struct {
	position ledger.Position
	at       time.Time
}

func (r *tailReader) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	if ev.Record.Kind == schemas.KindIntent {
		r.intent(ev)
	}
	for i, d := range ev.Ahead.decisions {
		at := ledger.PositionOf(d.GetIntent())
		if at.Seq >= ev.Seq {
			continue // nobody can have decided what was not there yet
		}
		if q := r.count.add(f, ev.Record, i, d); q != nil {
			r.decided[at] = q
		}
	}
	return nil
}

func (r *tailReader) intent(ev feed.Event[ahead]) {
	for _, in := range intentsOf(ev.Record, ev.Ahead) {
		if until, known := r.open[in.Digest]; known && ev.Record.LogTime.Before(until) {
			continue // a re-send gets no second decision
		}
		r.intents = append(r.intents, intentAt{in.Position, ev.Record.LogTime})
		if in.Content != nil {
			r.open[in.Digest] = in.Content.GetDeadline().AsTime()
		}
	}
}

func (r *tailReader) tail() tail {
	t := tail{decided: r.decided}
	for _, in := range r.intents {
		if r.decided[in.position] == nil {
			t.undecided = in.at
			break
		}
	}
	return t
}
