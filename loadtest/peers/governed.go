package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
	"github.com/portcullis-dev/portcullis/zone"
)

// court is a zone that decides and does nothing else: a broker with its store, one enforcer, the agents that ask, and an
// observer that follows the ledger to tell when a signed decision is stored. All share this process; all but the enforcer
// connect over TCP, as clients of the other engines do.
type court struct {
	task    *Task
	fabric  *fabric.Fabric
	zone    *zone.Zone
	askers  []*asker
	watched *watch
	close   []func()
}

// asker is one agent with its connection and its session.
type asker struct {
	id  trust.Identity
	box *outbox.Outbox

	mu       sync.Mutex
	sequence uint64
	previous []byte
}

const armedWithin = 2 * time.Minute

// openCourt makes a zone in an empty folder and waits until its enforcer decides. MaxList is of an agent's lists; 0 means as
// many as queue up.
func openCourt(ctx context.Context, dir string, t *Task, relaxed bool, outstanding, maxList int) (_ *court, err error) {
	f, err := t.Create(dir, relaxed)
	if err != nil {
		return nil, err
	}
	c := &court{task: t, fabric: f}
	defer func() {
		if err != nil {
			c.shut()
		}
	}()
	log := slog.New(slog.DiscardHandler)
	if c.zone, err = zone.Open(ctx, zone.Config{Fabric: f, Logger: log, Port: -1, Limits: engine.Wide()}); err != nil {
		return nil, err
	}
	c.close = append(c.close, c.zone.Close)
	if err := c.zone.Start(ctx, pb.Role_ROLE_ENFORCER, enforcer); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, armedWithin)
	defer cancel()
	if err := c.zone.Ready(ctx); err != nil {
		return nil, err
	}
	at := zone.Broker{URL: c.zone.URL()}
	if err := c.observe(ctx, at, log); err != nil {
		return nil, err
	}
	for _, a := range t.Agents {
		if err := c.join(ctx, at, a.Name, outstanding, maxList, log); err != nil {
			return nil, fmt.Errorf("peers: %s: %w", a.Name, err)
		}
	}
	return c, nil
}

func (c *court) shut() {
	for _, end := range slices.Backward(c.close) {
		end()
	}
}

// observe connects the governor, who may read, and follows from the ledger's end.
func (c *court) observe(ctx context.Context, at zone.Broker, log *slog.Logger) error {
	g, err := c.fabric.Governor(governor)
	if err != nil {
		return err
	}
	conn, err := at.ConnectGovernor(ctx, g, log)
	if err != nil {
		return err
	}
	c.close = append(c.close, conn.Close)
	m, err := c.fabric.Load(pb.Role_ROLE_ENFORCER, enforcer, trust.Digest{})
	if err != nil {
		return err
	}
	c.watched, err = watchDecisions(ctx, conn, m.Key.Public())
	if err != nil {
		return err
	}
	c.close = append(c.close, c.watched.stop)
	return nil
}

// join connects an agent, and introduces it.
func (c *court) join(ctx context.Context, at zone.Broker, name string, outstanding, maxList int, log *slog.Logger) error {
	m, err := c.fabric.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
	if err != nil {
		return err
	}
	conn, err := at.Connect(ctx, m, log)
	if err != nil {
		return err
	}
	c.close = append(c.close, conn.Close)
	subject := schemas.Subject(m.ID.Zone, schemas.KindCredential, m.ID.Name)
	if err := streams.Introduce(ctx, conn, subject, m.Credential); err != nil {
		return err
	}
	inFlight := 0
	if maxList == 1 {
		inFlight = outstanding // nothing but the number outstanding holds up single intents
	}
	box := outbox.New(outbox.Config{
		Appender: conn, Kind: schemas.KindIntent, Ledger: c.fabric.Ledger, Key: m.Key, MaxList: maxList, MaxInFlight: inFlight,
	})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	sending.Go(func() { _ = box.Run(running) }) // ends with running, nothing else
	c.close = append(c.close, func() {
		cancel()
		sending.Wait()
	})
	c.askers = append(c.askers, &asker{id: m.ID, box: box})
	return nil
}

const deadlineAfter = 50 * time.Second

// propose appends a question as the session's next intent. Told hears if that failed.
func (a *asker) propose(q Question, about func(trust.Digest), told func(error)) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("peers: no randomness for an intent: %w", err)
	}
	arguments, err := json.Marshal(q.arguments())
	if err != nil {
		return err
	}
	digest := trust.DigestOf(arguments)
	in := &pb.Intent{
		Id: id[:], Agent: a.id.String(), Session: "question", Tool: q.Tool, Action: q.Tool, Resource: q.Resource,
		Arguments: arguments, ArgumentsDigest: digest[:], Deadline: timestamppb.New(time.Now().Add(deadlineAfter)),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	in.Sequence, in.Previous = a.sequence+1, a.previous
	item, err := schemas.Marshal(in)
	if err != nil {
		return err
	}
	named := trust.DigestOf(item)
	a.sequence, a.previous = in.GetSequence(), named[:]
	about(named)
	a.box.Add(schemas.Subject(a.id.Zone, schemas.KindIntent, a.id.Name), item, func(s outbox.Sent) {
		if s.Err != nil {
			told(s.Err)
		}
	})
	return nil
}

// errLost reports decisions that did not come.
var errLost = errors.New("intents were not decided in time")
