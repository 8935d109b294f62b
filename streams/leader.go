package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// In a cluster any replica answers reads, and one that lags answers from the
// past. So whatever rests on where a stream ends, or on a record's absence, asks
// the stream's leader first: the leader has every record that was acknowledged.
// A leader that the others have left without its knowing answers from the past
// too, for some seconds; it acknowledges nothing any more, so whoever believes it
// can read and do nothing else.

// standing is what a stream's leader says of it.
type standing struct {
	last     uint64    // position of the newest record
	leader   string    // server name
	replicas []replica // the other servers that keep it
}

// replica is a server that keeps a copy, as the leader sees it.
type replica struct {
	Name    string        `json:"name"`
	Offline bool          `json:"offline"`
	Active  time.Duration `json:"active"` // since the leader heard of it
	Pending bool          `json:"pending"`
}

// silence is how long a replica may be unheard of and still count as taking
// part: the leader hears of one that does once a second.
const silence = 3 * time.Second

// takesPart reports whether acknowledgements may rest on the replica's word now. One
// of which the leader has not heard since it was elected has no time at all.
func (r replica) takesPart() bool {
	return !r.Offline && !r.Pending && r.Active > 0 && r.Active < silence
}

// leaderAnswer is the part that matters here of JetStream's answer about a stream.
type leaderAnswer struct {
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
	Config *struct {
		Name     string `json:"name"`
		Replicas int    `json:"num_replicas"`
	} `json:"config"`
	State *struct {
		Last uint64 `json:"last_seq"`
	} `json:"state"`
	Cluster *struct {
		Leader   string    `json:"leader"`
		Replicas []replica `json:"replicas"`
	} `json:"cluster"`
}

// standing asks the leader of a stream once. An error wraps errTryAgain when the
// answer proves nothing: there is no leader now, or it cannot be reached.
func (c *Conn) standing(ctx context.Context, s Stream) (standing, error) {
	return c.standingAt(ctx, s, s.leaderWord(c.cfg.Zone))
}

// standingAt asks on a subject that leads to the leader.
func (c *Conn) standingAt(ctx context.Context, s Stream, subject string) (standing, error) {
	said, err := c.askLeader(ctx, s, subject)
	switch {
	case err == nil:
		c.astray.answered(s)
	case errors.Is(err, errTryAgain):
		c.unanswered(s, err)
	}
	return said, err
}

func (c *Conn) askLeader(ctx context.Context, s Stream, subject string) (standing, error) {
	wait, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	m, err := c.nc.RequestWithContext(wait, subject, nil)
	switch {
	case ctx.Err() != nil:
		return standing{}, context.Cause(ctx)
	case errors.Is(err, nats.ErrNoResponders):
		return standing{}, fmt.Errorf("%w: %s does not exist or has no leader", errTryAgain, s.Name(c.cfg.Zone))
	case err != nil:
		return standing{}, fmt.Errorf("%w: %s: %w", errTryAgain, s.Name(c.cfg.Zone), c.closedOr(err))
	}
	said, err := standingOf(m.Data, s.Name(c.cfg.Zone))
	if err != nil {
		return standing{}, fmt.Errorf("%w: %w", errTryAgain, err)
	}
	return said, nil
}

// standingOf reads a leader's answer, strictly: one that leaves something out is
// none.
func standingOf(answer []byte, stream string) (standing, error) {
	var a leaderAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return standing{}, fmt.Errorf("the leader's answer about %s is not JSON: %w", stream, err)
	}
	switch {
	case a.Error != nil:
		return standing{}, fmt.Errorf("%s: %s", stream, a.Error.Description)
	case a.Config == nil || a.State == nil || a.Config.Name != stream || a.Config.Replicas < 1:
		return standing{}, fmt.Errorf("the leader's answer about %s is incomplete", stream)
	case a.Cluster == nil || a.Cluster.Leader == "" || len(a.Cluster.Replicas) != a.Config.Replicas-1:
		return standing{}, fmt.Errorf("%s has no leader now, or is moving", stream)
	}
	return standing{last: a.State.Last, leader: a.Cluster.Leader, replicas: a.Cluster.Replicas}, nil
}

// Servers says which servers keep a zone's ledger, by name, the leader first, and
// which of them take no part now.
func (c *Conn) Servers(ctx context.Context) (keep, absent []string, err error) {
	s, err := persist(ctx, c, func(ctx context.Context) (standing, error) { return c.standing(ctx, Ledger) })
	if err != nil {
		return nil, nil, err
	}
	keep = []string{s.leader}
	for _, r := range s.replicas {
		keep = append(keep, r.Name)
		if !r.takesPart() {
			absent = append(absent, r.Name)
		}
	}
	return keep, absent, nil
}
