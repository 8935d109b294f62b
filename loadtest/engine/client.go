package engine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// client is one agent of the load: its connection, and a session that is replaced where the ledger may lack a part of
// it.
type client struct {
	agent  *agent.Agent
	conn   *streams.Conn
	member *fabric.Member

	mu      sync.Mutex
	session *agent.Session
}

// listsInFlight is how many lists of one intent each an agent has on their way: where it makes no lists, only the
// number of actions outstanding may hold it up.
const listsInFlight = 1024

// connect opens an agent of the fabric.
func connect(ctx context.Context, f *fabric.Fabric, b zone.Broker, name string, maxList int, log *slog.Logger) (*client, error) {
	m, err := f.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
	if err != nil {
		return nil, err
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return nil, err
	}
	conn, err := b.Connect(ctx, m, log)
	if err != nil {
		return nil, err
	}
	inFlight := 0
	if maxList == 1 {
		inFlight = listsInFlight
	}
	a, err := agent.Open(ctx, agent.Config{
		Conn: conn, Ledger: f.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers, Logger: log,
		MaxList: maxList, MaxInFlight: inFlight,
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &client{agent: a, conn: conn, member: m}
	if c.session, err = a.NewSession(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() {
	c.agent.Close()
	c.conn.Close()
}

// propose asks and waits for what becomes of it.
func (c *client) propose(ctx context.Context, ask Ask, timeout time.Duration) (trust.Digest, fate) {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	out, err := session.Propose(ctx, agent.Request{
		Tool: ask.Tool, Resource: ask.Resource, Arguments: ask.Arguments, Timeout: timeout,
	})
	intent, f := fateOf(out, err)
	if f.gap {
		c.renew(session)
	}
	return intent, f
}

// renew begins another session in the place of one that may have a gap: everything behind that would be denied.
func (c *client) renew(broken *agent.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != broken {
		return
	}
	if next, err := c.agent.NewSession(); err == nil {
		c.session = next
	}
}

// fateOf names what an agent was told. The name of a fate is what a result counts.
func fateOf(out *agent.Outcome, err error) (trust.Digest, fate) {
	var refused *agent.Refused
	var not *agent.NotExecuted
	var unanswered *agent.Unanswered
	switch {
	case err == nil:
		return out.Intent, fate{name: Executed, ends: outcome, final: true}
	case errors.As(err, &refused):
		return refused.Intent, fate{name: Denied + reasons(refused.Reasons), ends: decided, final: true}
	case errors.As(err, &not):
		status := strings.ToLower(strings.TrimPrefix(not.Status.String(), "STATUS_"))
		return not.Intent, fate{name: status + ": " + schemas.ReasonCode(not.Reason), ends: outcome, final: true}
	case errors.As(err, &unanswered):
		return unanswered.Intent, fate{name: Unanswered, gap: !unanswered.Stored}
	default:
		return trust.Digest{}, fate{name: NotSent, gap: true}
	}
}

// The names of fates; that of a denial continues with its reasons.
const (
	Executed   = "executed"
	Denied     = "denied: "
	Unanswered = "unanswered"
	NotSent    = "not sent"
)

func reasons(all []pb.Reason) string {
	codes := make([]string, len(all))
	for i, r := range all {
		codes[i] = schemas.ReasonCode(r)
	}
	return strings.Join(codes, ", ")
}
