package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/profile"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Script is what a run does.
type Script struct {
	Name    string
	Summary string
	Params  Params

	// Play drives the loads and says what must hold of them.
	Play func(ctx context.Context, w *World) (Played, error)
}

// Played is what a script did.
type Played struct {
	Phases []result.Phase
	Checks []result.Check
	// Judge says what else must hold, of the whole result and of its audit. It may be nil.
	Judge func(*result.Result, *audit.Report) []result.Check
	// Trips that are meant: a scenario that brings them about says so.
	Trips bool
}

// Options are about a run and not about its load. Dir is required.
type Options struct {
	Dir     string        // an empty folder, for the zone and for the export
	Profile string        // where profiles are kept; "" for nowhere
	Limit   time.Duration // of a second's p99, above which the last seconds are kept as a trace; 0: those before the end
	Logger  *slog.Logger
	Tell    func(string) // what is being done now; may be nil
}

// ExportFile is the run's whole ledger, in its folder.
const ExportFile = "ledger.pcx"

// Run makes a zone, plays a script on it, exports the ledger, audits it, and says all that. An error says that there is
// no result; whether a result is as it must be, Result.Holds tells.
func Run(ctx context.Context, s Script, o Options) (*result.Result, error) {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	o.Tell("making a zone with " + amount(s.Params.Agents, "agent") + " and " + amount(s.Params.Policies, "policy"))
	w, err := Open(ctx, o.Dir, s.Params, o.Logger)
	if err != nil {
		return nil, err
	}
	r, err := w.run(ctx, s, o)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return r, nil
}

// amount is a number of things, for people.
func amount(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case what == "policy":
		return fmt.Sprintf("%d policies", n)
	default:
		return fmt.Sprintf("%d %ss", n, what)
	}
}

func (w *World) run(ctx context.Context, s Script, o Options) (*result.Result, error) {
	w.limit = o.Limit
	r := &result.Result{
		Format: result.Format, Scenario: s.Name, Summary: s.Summary, Seed: s.Params.Seed, Params: s.Params.List(), Machine: machine(),
	}
	if err := w.warm(ctx, o); err != nil {
		return nil, err
	}
	o.Tell("measuring")
	played, err := w.measure(ctx, s, o, r)
	if err != nil {
		return nil, err
	}
	o.Tell("exporting and auditing the ledger")
	report, err := w.audit(ctx, filepath.Join(o.Dir, ExportFile), r)
	if err != nil {
		return nil, err
	}
	r.Expected = append(played.Checks, w.promises(r, report, played)...)
	if played.Judge != nil {
		r.Expected = append(r.Expected, played.Judge(r, report)...)
	}
	return r, nil
}

// warm drives the same load before anything is counted: connections, caches and the collector of memory settle.
func (w *World) warm(ctx context.Context, o Options) error {
	if w.Params.Warmup <= 0 {
		return nil
	}
	o.Tell("warming up for " + w.Params.Warmup.String())
	load := w.Params.Load("warm-up")
	load.Steps[0].For, load.Seed = w.Params.Warmup, ^load.Seed // not the requests that are measured
	_, err := w.Drive(ctx, load, nil)
	return err
}

// measure plays the script and counts what it costs.
func (w *World) measure(ctx context.Context, s Script, o Options, r *result.Result) (Played, error) {
	var err error
	if w.profile, err = profile.Start(o.Profile); err != nil {
		return Played{}, err
	}
	stop, err := w.crew.measure(w.profile)
	if err != nil {
		_, err2 := w.profile.Stop()
		return Played{}, errors.Join(err, err2)
	}
	w.begun = time.Now()
	r.Begun = w.begun.UTC()
	before := w.ledger.tally()
	var played Played
	err = as(ctx, roleAgents, func(ctx context.Context) (err error) {
		played, err = s.Play(ctx, w)
		return err
	})
	after := w.ledger.tally()
	r.Took = time.Since(w.begun)
	roles, stopErr := stop()
	if err = errors.Join(err, stopErr); err != nil {
		return Played{}, err
	}
	r.Phases, r.Roles = played.Phases, roles
	var sent uint64
	for _, p := range r.Phases {
		sent += p.Sent
	}
	if sent > 0 {
		r.Ledger.BytesPerAction = float64(after.bytes-before.bytes) / float64(sent)
		for i := range r.Roles {
			r.Roles[i].PerAction = r.Roles[i].CPU / time.Duration(sent)
		}
	}
	return played, nil
}
