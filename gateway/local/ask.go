package local

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// The reasons for which a report is not taken.
var (
	ErrNotOpen  = errors.New("local: no permit is open for this act: it was never given, or its time is over and the outcome stands; see portcullis tail")
	ErrReported = errors.New("local: this act was reported already")
)

// ask proposes what a client asks for, and serves it until the outcome is known.
func (s *Server) ask(w *wire, ask Ask) error {
	ctx, stop := context.WithCancel(context.Background()) // whoever gives the call up ends it
	defer stop()
	c := newCall(ask, w, s.stopping, stop)
	if err := s.enter(c); err != nil {
		return err
	}
	defer s.leave(c)
	s.clients.Go(func() {
		c.listen()
		c.giveUp()
	})
	s.clients.Go(func() {
		select {
		case <-s.stopping:
			c.giveUp()
		case <-c.ended:
		}
	})
	outcome, err := s.propose(ctx, c)
	if c.giveUp() {
		<-c.acted
	}
	c.finish(recordedOf(outcome, err))
	if !c.acting() {
		return err
	}
	s.note(c)
	if !ask.Detached {
		return w.send(Message{Recorded: &c.recorded})
	}
	return nil
}

// note ties the names of the platform to the ledger's.
func (s *Server) note(c *call) {
	level := slog.LevelInfo
	if c.recorded.Status != "EXECUTED" && c.recorded.Status != "FAILED" {
		level = slog.LevelWarn
	}
	s.cfg.Logger.Log(context.Background(), level, "an act has ended", "tool", c.ask.Tool, "status", c.recorded.Status,
		"intent", c.recorded.Intent, "at", c.recorded.At, "session", c.ask.Session, "key", c.ask.Key, "why", c.recorded.Text)
}

// acting reports whether the client was told to act.
func (c *call) acting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.went
}

func (s *Server) propose(ctx context.Context, c *call) (*agent.Outcome, error) {
	chain, err := s.sessions.of(c.ask.Session)
	if err != nil {
		return nil, err
	}
	var intent trust.Digest
	outcome, err := chain.Propose(ctx, agent.Request{
		Tool: c.ask.Tool, Resource: c.ask.Resource, Arguments: []byte(c.ask.Arguments), Timeout: s.cfg.Timeout,
		TraceParent: c.ask.TraceParent, TraceState: c.ask.TraceState,
		Proposing: func(digest trust.Digest) {
			intent = digest
			s.cfg.Desk.Expect(digest, c.act)
		},
		Pending: func(why *agent.Refused) { s.waits(c, why) },
	})
	s.cfg.Desk.Forget(intent)
	if missing(err) {
		s.sessions.drop(c.ask.Session, chain)
	}
	return outcome, err
}

// missing reports whether an intent may not be on the ledger.
func missing(err error) bool {
	var silent *agent.Unanswered
	return errors.Is(err, agent.ErrNotSent) || errors.As(err, &silent) && !silent.Stored
}

func (s *Server) waits(c *call, why *agent.Refused) {
	if err := c.wire.send(Message{Wait: &Wait{Text: why.Error()}}); err != nil {
		s.cfg.Logger.Debug("a client was not told that it waits", "err", err)
	}
}

// report takes what a client says about an act that another connection asked for.
func (s *Server) report(w *wire, r Report) error {
	c := s.open(r.Key)
	if c == nil || !c.ask.Detached {
		return ErrNotOpen
	}
	if err := c.take(r); err != nil {
		return err
	}
	over := time.NewTimer(recordedWithin)
	defer over.Stop()
	answer := Recorded{Text: "the ledger does not hold the outcome yet"}
	select {
	case <-c.ended:
		c.mu.Lock()
		answer = c.recorded
		c.mu.Unlock()
	case <-over.C:
	}
	return w.send(Message{Recorded: &answer})
}
