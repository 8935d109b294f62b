package engine

import (
	"context"
	"runtime/pprof"
)

// The roles that use processor time. Agents are those of the load, with the generator; the observer is the load test's
// own follower of the ledger. The runtime is the collector of memory where roles share a process.
const (
	roleBroker   = "broker"
	roleAgents   = "agents"
	roleObserver = "observer"
	roleRuntime  = "runtime"
	roleOther    = "other"
)

// roleLabel is the label under which goroutines of one role run. Goroutines that they start inherit it.
const roleLabel = "portcullis_role"

// as runs something under the label of a role.
func as(ctx context.Context, role string, run func(context.Context) error) (err error) {
	pprof.Do(ctx, pprof.Labels(roleLabel, role), func(ctx context.Context) { err = run(ctx) })
	return err
}
