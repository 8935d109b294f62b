package streams

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// A heartbeat is worth something while it is fresh: a reader that falls behind
// gets a short queue, and loses what does not fit in it.
const (
	heartbeatQueue = 4096
	heartbeatBytes = 8 << 20
)

// SubscribeHeartbeats calls on with each heartbeat of the zone that is stored
// from now on, this participant's own included, in stream order, from one
// goroutine. It lasts through reconnects; what is stored meanwhile is not made
// up for, nor what comes while on is thousands of heartbeats behind. After stop
// no further call begins. It fails without a zone and on a closed connection.
//
// Raw's subject and time are the broker's. A message that was published with
// headers of its own is left out, for then they could be forged. Nothing else
// is verified here: see (*ledger.Fold).Heartbeat.
//
// A participant without the right to read heartbeats hears none: the broker
// refuses, and the connection logs it.
func (c *Conn) SubscribeHeartbeats(on func(Raw)) (stop func(), err error) {
	return c.subscribe(Heartbeats, heartbeatQueue, heartbeatBytes, on)
}

// subscribe calls on with each record that is stored in a stream from now on, as
// the broker announces it. What does not fit in the queue is lost.
func (c *Conn) subscribe(stream Stream, queue, size int, on func(Raw)) (stop func(), err error) {
	if c.cfg.Zone == "" {
		return nil, errors.New("streams: subscribe: the connection names no zone; set ConnConfig.Zone")
	}
	name := stream.Name(c.cfg.Zone)
	sub, err := c.nc.Subscribe(stream.live(c.cfg.Zone), func(m *nats.Msg) {
		if record, _, ok := recordOf(m, name, announcement); ok && m.Subject == livePrefix+record.Subject {
			on(record)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("streams: subscribe to %s: %w", name, c.closedOr(err))
	}
	if err := sub.SetPendingLimits(queue, size); err != nil {
		return nil, fmt.Errorf("streams: subscribe to %s: %w", name, c.closedOr(err))
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
