package main

import (
	"context"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/gateway/desk"
)

// authzenRecorder puts questions on the ledger, as an agent, for a decision only.
type authzenRecorder struct{ chain *desk.Chain }

// Record implements authzen.Recorder.
func (r *authzenRecorder) Record(ctx context.Context, q authzen.Asked) (authzen.Recorded, error) {
	session, err := r.chain.Session()
	if err != nil {
		return authzen.Recorded{}, err
	}
	e, err := session.Evaluate(ctx, agent.Request{
		Tool: q.Tool, Action: q.Action, Resource: q.Resource, Arguments: q.Arguments, Context: q.Context, Definition: q.Definition,
	}, q.Quorum)
	if err != nil {
		r.chain.Settle(session, err)
		return authzen.Recorded{}, err
	}
	if !e.Allowed {
		r.chain.Settle(session, &agent.Refused{Reasons: e.Reasons})
	}
	return authzen.Recorded(*e), nil
}
