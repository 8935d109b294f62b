package zone

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// named is a member that runs here, and who it is.
type named struct {
	*member

	id trust.Identity
}

// here lists who runs here, by role and name.
func (z *Zone) here() []named {
	z.mu.Lock()
	defer z.mu.Unlock()
	var all []named
	for id, one := range maps.All(z.members) {
		all = append(all, named{one, id})
	}
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.id.Role, b.id.Role), cmp.Compare(a.id.Name, b.id.Name))
	})
	return all
}

// Look asks everybody who runs here whether they could act, all at once, as Health
// does.
func (z *Zone) Look(ctx context.Context) []telemetry.Part {
	all := z.here()
	parts := make([]telemetry.Part, len(all))
	var asking sync.WaitGroup
	for i, one := range all {
		asking.Go(func() {
			h := z.Health(ctx, one.id.Role, one.id.Name)
			parts[i] = telemetry.Part{Role: h.Role, Name: h.Name, Able: h.Able, Why: h.Why}
			if why := one.haltedWhole(); h.Able && why != "" {
				parts[i].Able, parts[i].Why = false, "everything is halted: "+why
			}
		})
	}
	asking.Wait()
	return parts
}

// haltedWhole says why an executor may do nothing at all though it is armed. A halt of
// less leaves it something to do, and is no matter of its readiness.
func (m *member) haltedWhole() string {
	if m.executor == nil {
		return ""
	}
	return m.executor.Status().Halted
}

// Ended says who of those that run here has ended by itself; "" if nobody has.
func (z *Zone) Ended() string {
	for _, one := range z.here() {
		if one.over() {
			return one.id.String() + " has ended"
		}
	}
	return ""
}

func (m *member) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// Gauges reads what everybody who runs here says of themselves.
func (z *Zone) Gauges(ctx context.Context, g *telemetry.Gauges) {
	all := z.here()
	newest, known := ledgerEnd(ctx, all)
	if known {
		g.Set(telemetry.LedgerPosition, float64(newest))
	}
	for _, one := range all {
		one.gauges(g)
		_, position := one.word()
		if one.sentinel != nil {
			continue // it does not say how far it has read
		}
		g.Set(telemetry.Position, float64(position), one.labels()...)
		if known {
			g.Set(telemetry.Lag, float64(newest-min(newest, position)), one.labels()...)
		}
	}
}

func (one named) labels() []string {
	return []string{"role", trust.RoleName(one.id.Role), "name", one.id.Name}
}

// newestWithin is how long the broker may take to say how long the ledger is. Who asks
// for metrics waits for that.
const newestWithin = time.Second

// ledgerEnd asks the broker for the ledger's newest position over the first connection
// that is up.
func ledgerEnd(ctx context.Context, all []named) (seq uint64, known bool) {
	ctx, cancel := context.WithTimeout(ctx, newestWithin)
	defer cancel()
	for _, one := range all {
		if one.over() || !one.conn.Connected() {
			continue
		}
		seq, err := one.conn.Last(ctx)
		return seq, err == nil
	}
	return 0, false
}

func (one named) gauges(g *telemetry.Gauges) {
	why, _ := one.word()
	g.Flag(telemetry.Armed, why == "" && !one.over() && one.conn.Connected(), one.labels()...)
	who := []string{"name", one.id.Name}
	switch {
	case one.enforcer != nil:
		s := one.enforcer.Status()
		g.Set(telemetry.Epoch, float64(s.Epoch), one.labels()...)
		g.Set(telemetry.Noise, float64(s.Noise), one.labels()...)
		g.Set(telemetry.Divergences, float64(s.Divergences), who...)
	case one.executor != nil:
		s := one.executor.Status()
		g.Set(telemetry.Epoch, float64(s.Epoch), one.labels()...)
		g.Set(telemetry.Noise, float64(s.Noise), one.labels()...)
		g.Flag(telemetry.Halted, s.Halted != "", who...)
		g.Set(telemetry.Claims, float64(s.Claimed), who...)
		g.Set(telemetry.Abandoned, float64(s.Abandoned), who...)
		g.Set(telemetry.Running, float64(s.Running), who...)
	case one.sentinel != nil:
		s := one.sentinel.Status()
		g.Set(telemetry.Pulses, float64(s.Pulses), who...)
		g.Set(telemetry.Trips, float64(s.Trips), who...)
		drifting(g, one.id.Name, func(rule string, level pb.Level) (n int) {
			for _, d := range s.Findings {
				if d.Rule == rule && d.Level == level {
					n++
				}
			}
			return n
		})
	case one.recorder != nil:
		s := one.recorder.Status()
		g.Set(telemetry.TreeSize, float64(s.Checkpoint.Size), who...)
		g.Set(telemetry.Checkpoints, float64(s.Signed), who...)
		g.Set(telemetry.Cosignatures, float64(s.Cosigned), who...)
	}
}

// drifting has a line for each rule, also for those that nothing breaks: what was never
// there cannot be told from what is well.
func drifting(g *telemetry.Gauges, name string, count func(rule string, level pb.Level) int) {
	for _, rule := range schemas.DriftRules() {
		for level, text := range map[pb.Level]string{pb.Level_LEVEL_WARN: "warn", pb.Level_LEVEL_TRIP: "trip"} {
			g.Set(telemetry.Findings, float64(count(rule.Name, level)), "name", name, "rule", rule.Name, "level", text)
		}
	}
}
