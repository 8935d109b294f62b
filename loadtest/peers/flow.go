package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/bareflow"
)

// The ways in which four records flow.
const (
	Bare      = "bare NATS, single"
	BareLists = "bare NATS, lists"
)

const (
	recordBytes = 512
	probeFlows  = 300
	mostFlows   = 1 << 20 // of one measurement
)

// bare measures the four records on bare NATS: no signature, no policy, no schema. It measures a rate, and no latencies: at one
// outstanding one is the other.
func bare(ctx context.Context, dir, sync string, outstanding int, lists bool, lasts time.Duration) (Flow, error) {
	flow, err := bareflow.Start(ctx, dir, sync == syncAlways)
	if err != nil {
		return Flow{}, err
	}
	defer flow.Close()
	line := Flow{Who: Bare, Sync: sync, Outstanding: outstanding}
	do := func(n int) error { return flow.Do(ctx, n, outstanding, recordBytes) }
	if lists {
		line.Who = BareLists
		do = func(n int) error { return flow.DoLists(ctx, n, outstanding, recordBytes, schemas.MaxItems) }
	}
	if err := do(probeFlows); err != nil { // connections and consumers settle
		return Flow{}, err
	}
	begun := time.Now()
	if err := do(probeFlows); err != nil {
		return Flow{}, err
	}
	n := int(min(probeFlows*max(float64(lasts)/float64(time.Since(begun)), 1), mostFlows))
	before, err := engine.Used(os.Getpid())
	if err != nil {
		return Flow{}, err
	}
	begun = time.Now()
	if err := do(n); err != nil {
		return Flow{}, err
	}
	took := time.Since(begun)
	after, err := engine.Used(os.Getpid())
	line.Count, line.PerSecond, line.CPU = n, float64(n)/took.Seconds(), (after-before)/time.Duration(n)
	return line, err
}

// errPromises reports a run whose audit found something: no figure is taken of it.
var errPromises = errors.New("a governed run did not keep every promise")

// flowPolicies is how many policies the governed flow is decided by.
const flowPolicies = 1000

// governedFlow measures the whole governed path for one agent, and audits the ledger that is left.
func governedFlow(ctx context.Context, dir, sync string, outstanding int, lists bool, lasts time.Duration) (Flow, error) {
	p := engine.Defaults()
	p.Agents, p.Policies, p.Outstanding, p.Relaxed, p.Rate, p.Warmup, p.Duration = 1, flowPolicies, outstanding, sync == syncRelaxed, 0, warm(lasts), lasts
	line := Flow{Who: Singles, Sync: sync, Outstanding: outstanding}
	if lists {
		line.Who, p.MaxList = Lists, 0
	}
	script := engine.Script{Name: "peers", Summary: line.Who, Params: p, Play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
		phase, err := w.Drive(ctx, w.Params.Load("load"), nil)
		return engine.Played{Phases: []result.Phase{phase}}, err
	}}
	r, err := engine.Run(ctx, script, engine.Options{Dir: filepath.Join(dir, "zone"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Flow{}, err
	}
	if !r.Holds() {
		return Flow{}, fmt.Errorf("peers: %s, sync %s: %w: %v %v", line.Who, sync, errPromises, r.Audit.Findings, r.Expected)
	}
	phase := r.Phases[0]
	line.Count, line.PerSecond = int(phase.Sent), phase.Achieved //nolint:gosec // a count
	for _, s := range phase.Stages {
		if s.Name == "answered" {
			line.P50, line.P99 = s.P50, s.P99
		}
	}
	for _, role := range r.Roles {
		line.CPU += role.PerAction
	}
	return line, nil
}
