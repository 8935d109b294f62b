package sentinel

import (
	"context"
	"errors"
	"time"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// errOtherEye ends a feed when a release asks for verdicts to be derived again
// and the eye does not, or the other way round.
var errOtherEye = errors.New("sentinel: the release asks for another way to read the ledger")

// follow reads the ledger until ctx ends or it cannot be followed. It begins
// again, silent until it has caught up, when a release asks for another way to
// read it.
func (s *Sentinel) follow(ctx context.Context) error {
	for {
		err := s.look(ctx)
		if !errors.Is(err, errOtherEye) {
			return err
		}
		s.cfg.Logger.Info("reading the ledger again", "why", err)
	}
}

func (s *Sentinel) look(ctx context.Context) error {
	s.open(nil)
	from, replays, err := s.horizon(ctx)
	if err != nil {
		return err
	}
	e := newEye(s, replays)
	s.open(e)
	// Until the eye that replaces this one is open, nobody pulses by this one.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return feed.Run(ctx, feed.Config{
		Conn: s.cfg.Conn, Zone: s.cfg.ID.Zone, Ledger: s.cfg.Ledger, Keys: s.cfg.Keys, Logger: s.cfg.Logger, Guard: &s.mu,
		FromSeq: from, Skip: skipped(replays), CaughtUp: e.health.CaughtUp, State: e.health.Observe(ctx),
	}, readAhead, e.step)
}

func (s *Sentinel) open(e *eye) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eye = e
}

// skipped are the kinds that tell a sentinel nothing.
func skipped(replays bool) []schemas.Kind {
	if replays {
		return nil
	}
	return []schemas.Kind{schemas.KindIntent, schemas.KindApproval}
}

// horizon finds where to begin, and whether verdicts are to be derived again. A
// verdict rests on all that came before it within W, and on verdicts before: so
// who derives them begins with the ledger. Who does not begins W before its end.
func (s *Sentinel) horizon(ctx context.Context) (from uint64, replays bool, err error) {
	records, err := feed.Rest(ctx, s.cfg.Conn, s.cfg.ID.Zone, 0)
	if err != nil {
		return 0, false, err
	}
	parser, fold := ledger.Parser{Zone: s.cfg.ID.Zone, Keys: s.cfg.Keys}, ledger.NewFold(s.cfg.Ledger, s.cfg.Keys)
	var back time.Duration
	for _, raw := range records {
		if _, err := fold.Step(parser.Parse(raw)); err != nil {
			continue // noise
		}
		if r := fold.Governance().Release(); r != nil {
			back = max(back, r.Bounds.Memory+r.Bounds.MaxClockSkew)
		}
	}
	if drift.Replays(fold.Governance().Release()) {
		return 1, true, nil
	}
	last, err := s.cfg.Conn.Last(ctx)
	if err != nil || last == 0 {
		return 1, false, err
	}
	newest, err := s.cfg.Conn.Get(ctx, last)
	if err != nil {
		return 0, false, err
	}
	from, err = s.cfg.Conn.SeqAt(ctx, newest.Time.Add(-back))
	return from, false, err
}

// hear takes one message of the heartbeats' stream. Before the ledger was read to
// its end, nobody can tell what a heartbeat is worth.
func (s *Sentinel) hear(raw streams.Raw) {
	received := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eye
	if e == nil || e.fold == nil || !e.health.Started() {
		return
	}
	beat, from, err := e.fold.Heartbeat(raw.Subject, raw.Data)
	if err != nil {
		s.cfg.Logger.Debug("noise among the heartbeats", "subject", raw.Subject, "reason", err)
		return
	}
	e.watch.Heartbeat(e.fold, beat, from, raw.Time, received)
	s.cfg.Meter.Heard(from.ID, received)
	if e.watch.Alarm() {
		ring(s.alarm)
	}
}
