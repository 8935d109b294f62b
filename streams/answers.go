package streams

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// PublishAnswer tells an agent of the zone what became of its intents. It is
// fast and may be lost: the truth is in the ledger.
func (c *Conn) PublishAnswer(agent string, data []byte) error {
	if err := schemas.CheckName(agent); err != nil {
		return fmt.Errorf("streams: answer: %w", err)
	}
	if err := c.nc.Publish(answerSubject(c.cfg.Zone, agent), data); err != nil {
		return fmt.Errorf("streams: answer %s: %w", agent, c.closedOr(err))
	}
	return nil
}

// SubscribeAnswers calls on with each answer to the participant that the
// connection is named after, from one goroutine. Answers are not authenticated
// here: whoever acts on one checks its signature.
func (c *Conn) SubscribeAnswers(on func(data []byte)) (stop func(), err error) {
	if err := schemas.CheckName(c.cfg.Name); err != nil {
		return nil, fmt.Errorf("streams: answers: %w; set ConnConfig.Name to the agent's name", err)
	}
	sub, err := c.nc.Subscribe(answerSubject(c.cfg.Zone, c.cfg.Name), func(m *nats.Msg) { on(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("streams: answers to %s: %w", c.cfg.Name, c.closedOr(err))
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
