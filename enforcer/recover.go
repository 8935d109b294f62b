package enforcer

import (
	"context"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// recovered is what an enforcer knows of its past before it starts to decide:
// where its feed must begin, and what quorums have decided from there on.
type recovered struct {
	from uint64
	last uint64 // what stands up to here may have been decided by others
	// decided holds the quorum's decision by where it was decided
	// (verdict.DecidedAt).
	decided map[ledger.Position]*pb.Decision
	release *governance.Release // in force at last; nil before the first
}

// recover finds the shortest tail of the ledger that determines the state. A
// verdict depends on at most W before where it is decided, so the tail must
// begin W before the newest record and W before the first intent or approval
// that no quorum has decided, which may be much older.
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
			return recovered{from: from, last: last, decided: t.decided, release: t.release}, nil
		}
		// Longer is never wrong, and twice as far back each time means that all passes
		// together read little more than the last: nobody can make this quadratic.
		if twice := newest.Time.Add(-2 * newest.Time.Sub(start)); twice.Before(needed) {
			needed = twice
		}
		start = needed
	}
}

// tail is what the records of a range say about decisions.
type tail struct {
	decided   map[ledger.Position]*pb.Decision
	undecided time.Time // log time of the first intent or approval without a quorum; zero if none
	release   *governance.Release
}

func (e *Enforcer) readTail(ctx context.Context, from, last uint64) (tail, error) {
	r := newTailReader()
	cfg := feed.Config{
		Conn: e.cfg.Conn, Zone: e.cfg.ID.Zone, Ledger: e.cfg.Ledger, Keys: e.cfg.Keys, Logger: slog.New(slog.DiscardHandler), FromSeq: from,
		Skip: []schemas.Kind{schemas.KindClaim, schemas.KindOutcome},
	}
	if err := feed.Until(ctx, cfg, last, readAhead, r.step); err != nil {
		return tail{}, err
	}
	return r.tail(), nil
}

// tailReader gathers a tail.
type tailReader struct {
	decided map[ledger.Position]*pb.Decision
	count   *verdict.Tally
	known   map[trust.Digest]*knownIntent
	points  []point // what calls for a decision, in order
	release *governance.Release
}

// knownIntent is what the tail says of the intents with one digest.
type knownIntent struct {
	resendUntil time.Time // a copy before then gets no decision
	answered    map[answer]bool
}

type answer struct {
	approver trust.Identity
	approve  bool
}

// point is where something stands that a decision is made on.
type point struct {
	position ledger.Position
	at       time.Time
}

func newTailReader() *tailReader {
	return &tailReader{decided: make(map[ledger.Position]*pb.Decision), count: verdict.NewTally(), known: make(map[trust.Digest]*knownIntent)}
}

func (r *tailReader) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	r.release = f.Governance().Release()
	switch ev.Record.Kind { //nolint:exhaustive // nothing else calls for decisions or makes them
	case schemas.KindIntent:
		r.intents(ev)
	case schemas.KindApproval:
		r.approval(ev.Record)
	default:
	}
	for i, d := range ev.Ahead.decisions {
		if d == nil || verdict.DecidedAt(d).Seq >= ev.Seq {
			continue // nobody can have decided what was not there yet
		}
		if q := r.count.Add(f, ev.Record, i, d); q != nil {
			r.decided[verdict.DecidedAt(q)] = q
		}
	}
	return nil
}

func (r *tailReader) intents(ev feed.Event[ahead]) {
	if ev.Record.ListErr != nil {
		return
	}
	for i, item := range ev.Record.Items {
		known := r.intent(item.Digest)
		if ev.Record.LogTime.Before(known.resendUntil) {
			continue // a re-send gets no second decision
		}
		r.points = append(r.points, point{ledger.Position{Seq: ev.Seq, Index: uint32(i)}, ev.Record.LogTime})
		if content := ev.Ahead.contents[i].Intent; content != nil {
			known.resendUntil = content.GetDeadline().AsTime()
		}
	}
}

// approval notes an answer that may open a round. One that only repeats another,
// or on an intent that is long over, opens none; for the rest one must know the
// state, and believing that it opens one only makes the tail longer.
func (r *tailReader) approval(rec ledger.Record) {
	known := r.intent(trust.DigestIn(rec.Approval.GetIntentDigest()))
	said := answer{rec.Signer.ID, rec.Approval.GetApprove()}
	over := !known.resendUntil.IsZero() && !rec.LogTime.Before(known.resendUntil)
	if known.answered[said] || over {
		return
	}
	known.answered[said] = true
	r.points = append(r.points, point{ledger.Position{Seq: rec.Seq}, rec.LogTime})
}

func (r *tailReader) intent(digest trust.Digest) *knownIntent {
	known := r.known[digest]
	if known == nil {
		known = &knownIntent{answered: make(map[answer]bool)}
		r.known[digest] = known
	}
	return known
}

func (r *tailReader) tail() tail {
	t := tail{decided: r.decided, release: r.release}
	for _, p := range r.points {
		if r.decided[p.position] == nil {
			t.undecided = p.at
			break
		}
	}
	return t
}
