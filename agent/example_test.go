package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// An agent's folder is all that it needs: keys, SVID, and where the broker is.
func Example() {
	ctx := context.Background()
	a, done, err := open(ctx, "data/participants/agent/scout")
	if err != nil {
		fmt.Println("cannot ask:", err)
		return
	}
	defer done()

	out, err := a.Propose(ctx, agent.Request{
		Tool: "file-read", Resource: "reports/q3.txt", Arguments: json.RawMessage(`{"path":"reports/q3.txt"}`),
	})
	fmt.Println(tell(out, err))
}

// open connects the agent whose folder it is given. Call done at the end.
func open(ctx context.Context, dir string) (a *agent.Agent, done func(), err error) {
	m, err := fabric.LoadMember(dir, trust.Digest{}, time.Now())
	if err != nil {
		return nil, nil, err
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return nil, nil, err
	}
	conn, err := streams.Connect(ctx, streams.ConnConfig{URL: m.Bundle.Servers[0], Seed: m.NKeySeed, Zone: m.ID.Zone, Name: m.ID.Name})
	if err != nil {
		return nil, nil, err
	}
	a, err = agent.Open(ctx, agent.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers,
	})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return a, func() { a.Close(); conn.Close() }, nil
}

// tell says what became of a proposal. Only an Outcome means that it was done.
func tell(out *agent.Outcome, err error) string {
	var refused *agent.Refused
	var not *agent.NotExecuted
	switch {
	case err == nil:
		return fmt.Sprintf("done under claim %s: %s", out.Claim, out.Result)
	case errors.As(err, &refused): // a verdict: asking again changes nothing
		return fmt.Sprintf("denied: %v", refused.Reasons)
	case errors.As(err, &not): // allowed, and not done, or not known
		return fmt.Sprintf("not executed: %v", not.Status)
	case errors.Is(err, agent.ErrUnanswered): // the ledger knows; see portcullis show
		return "no answer before the deadline"
	default:
		return err.Error()
	}
}
