package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// serverSettings is the part of a server's VARZ answer that matters here.
type serverSettings struct {
	Server struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"server"`
	Data *struct {
		JetStream *struct {
			Config *struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"jetstream"`
	} `json:"data"`
}

// VerifySync asks the servers whether they acknowledge a record only when it is
// on the disk. Who must answer, the ledger's leader says: each server that keeps
// a replica and takes part now, itself included: more than half of all. It returns SyncAlways when all of those,
// and at least as many servers as are given, say yes; RelaxedSyncMayLoseRecords when one says no; an
// error when it cannot be known. Nobody should arm on an error.
//
// A replica that takes no part is not asked, for acknowledgements do not rest on
// it; so whoever relies on the answer asks again from time to time.
func (c *Conn) VerifySync(ctx context.Context, servers int) (Durability, error) {
	d, err := c.verifySync(ctx, servers)
	if err != nil {
		return RelaxedSyncMayLoseRecords, fmt.Errorf("streams: verify that the servers sync always: %w", err)
	}
	return d, nil
}

func (c *Conn) verifySync(ctx context.Context, servers int) (Durability, error) {
	if servers < 1 {
		return 0, errors.New("expect at least one server")
	}
	said, err := c.standing(ctx, Ledger)
	if err != nil {
		return 0, err
	}
	if n, all := len(said.takePart()), 1+len(said.replicas); 2*n <= all {
		return 0, fmt.Errorf("%w: %d of the %d servers that keep the ledger take part", errTryAgain, n, all)
	}
	answers, stop, err := c.askSettings()
	if err != nil {
		return 0, err
	}
	defer stop()
	poll := &syncPoll{expected: said.takePart(), least: servers, said: map[string]Durability{}}
	for {
		m, err := next(ctx, answers)
		if err != nil {
			err = fmt.Errorf("%s: %w; check that they run and that this role may ask %s", poll.missing(), c.closedOr(err), varzSubject)
			c.unanswered(theSyncing, err)
			return 0, err
		}
		name, d, err := durabilityOf(m.Data)
		if err != nil {
			return 0, err
		}
		if poll.said[name] = d; poll.complete() {
			c.astray.answered(theSyncing)
			return poll.weakest(), nil
		}
	}
}

// takePart names the servers on whose word acknowledgements rest now.
func (s standing) takePart() []string {
	names := []string{s.leader}
	for _, r := range s.replicas {
		if r.takesPart() {
			names = append(names, r.Name)
		}
	}
	return names
}

// askSettings asks every server for its settings.
func (c *Conn) askSettings() (answers *nats.Subscription, stop func(), err error) {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, nil, c.closedOr(err)
	}
	stop = func() { _ = sub.Unsubscribe() }
	if err := c.nc.PublishRequest(varzSubject, inbox, nil); err != nil {
		stop()
		return nil, nil, c.closedOr(err)
	}
	return sub, stop, nil
}

// syncPoll collects what servers say of themselves.
type syncPoll struct {
	expected []string // who must answer
	least    int      // how many must answer
	said     map[string]Durability
}

func (p *syncPoll) absent() []string {
	return slices.DeleteFunc(slices.Clone(p.expected), func(name string) bool { _, ok := p.said[name]; return ok })
}

// complete reports whether all who must have answered.
func (p *syncPoll) complete() bool { return len(p.said) >= p.least && len(p.absent()) == 0 }

func (p *syncPoll) missing() string {
	if names := p.absent(); len(names) > 0 {
		return "no answer from " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("%d of %d servers answered", len(p.said), p.least)
}

// weakest is the least that those promise who have answered: a server without a
// replica now may be given one.
func (p *syncPoll) weakest() Durability {
	for _, d := range p.said {
		if d != SyncAlways {
			return RelaxedSyncMayLoseRecords
		}
	}
	return SyncAlways
}

// next waits for one more answer.
func next(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for an answer: %w", err)
	}
	return m, nil
}

func durabilityOf(answer []byte) (server string, d Durability, err error) {
	var s serverSettings
	if err := json.Unmarshal(answer, &s); err != nil {
		return "", 0, fmt.Errorf("settings are not JSON: %w", err)
	}
	if s.Server.ID == "" || s.Server.Name == "" || s.Data == nil {
		return "", 0, errors.New("an answer without settings came; check that this role may ask")
	}
	if s.Data.JetStream == nil || s.Data.JetStream.Config == nil {
		return "", 0, fmt.Errorf("server %s does not run JetStream", s.Server.Name)
	}
	if s.Data.JetStream.Config.SyncAlways {
		return s.Server.Name, SyncAlways, nil
	}
	return s.Server.Name, RelaxedSyncMayLoseRecords, nil
}
