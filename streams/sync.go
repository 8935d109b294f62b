package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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

// stragglers is how long one more server than expected may take to answer.
const stragglers = 150 * time.Millisecond

// VerifySync asks the servers whether they acknowledge a record only when it
// is on the disk. It returns SyncAlways when exactly the expected number of
// servers answered and every one does; RelaxedSyncMayLoseRecords when one does
// not; an error when it cannot be known. Nobody should arm on an error.
func (c *Conn) VerifySync(ctx context.Context, servers int) (Durability, error) {
	fail := func(err error) (Durability, error) {
		return RelaxedSyncMayLoseRecords, fmt.Errorf("streams: verify that the servers sync always: %w", err)
	}
	if servers < 1 {
		return fail(errors.New("expect at least one server"))
	}
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return fail(c.closedOr(err))
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.nc.PublishRequest(varzSubject, inbox, nil); err != nil {
		return fail(c.closedOr(err))
	}
	answered := map[string]Durability{}
	for {
		m, err := nextWithin(ctx, sub, len(answered) == servers)
		if err != nil && len(answered) == servers {
			return weakest(answered), nil
		}
		if err != nil {
			return fail(fmt.Errorf("%d of %d servers answered: %w; check that this role may ask %s", len(answered), servers, c.closedOr(err), varzSubject))
		}
		name, d, err := durabilityOf(m.Data)
		if err != nil {
			return fail(err)
		}
		if answered[name] = d; len(answered) > servers {
			return fail(fmt.Errorf("more than %d servers answered; name the true number", servers))
		}
	}
}

// nextWithin waits for one more answer: briefly when enough have come.
func nextWithin(ctx context.Context, sub *nats.Subscription, enough bool) (*nats.Msg, error) {
	wait := answerTimeout
	if enough {
		wait = stragglers
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
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
	if s.Server.ID == "" || s.Data == nil {
		return "", 0, errors.New("an answer without settings came; check that this role may ask")
	}
	if s.Data.JetStream == nil || s.Data.JetStream.Config == nil {
		return "", 0, fmt.Errorf("server %s does not run JetStream", s.Server.Name)
	}
	if s.Data.JetStream.Config.SyncAlways {
		return s.Server.ID, SyncAlways, nil
	}
	return s.Server.ID, RelaxedSyncMayLoseRecords, nil
}

func weakest(of map[string]Durability) Durability {
	for _, d := range of {
		if d != SyncAlways {
			return RelaxedSyncMayLoseRecords
		}
	}
	return SyncAlways
}
