package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// appended is a governance record of the test's own that was acknowledged.
type appended struct {
	id    trust.Digest
	seq   uint64 // of this copy
	acked time.Time
}

// append signs a governance record and appends it until it is acknowledged: the
// same bytes twice count once.
func (z *boundZone) append(record *pb.Governance) appended {
	z.t.Helper()
	data, err := z.fabric.SignGovernance(record)
	must(z.t, err)
	return z.appendSigned(data)
}

func (z *boundZone) appendSigned(data []byte) appended {
	z.t.Helper()
	env, err := trust.ParseEnvelope(data)
	must(z.t, err)
	ctx, cancel := context.WithTimeout(z.t.Context(), killLoopPatience)
	defer cancel()
	for {
		seq, err := z.governor.Append(ctx, schemas.Subject(z.fabric.Zone, schemas.KindGovernance, ""), data)
		acked := time.Now()
		switch {
		case err == nil:
			return appended{trust.DigestOf(env.Payload), seq, acked}
		case !errors.Is(err, streams.ErrUnknown) && !errors.Is(err, streams.ErrUnreachable), ctx.Err() != nil:
			z.t.Fatal(err)
		}
	}
}

// halt halts, and returns when the ledger has acknowledged it.
func (z *boundZone) halt(scope *pb.Scope) appended {
	z.t.Helper()
	h := z.append(&pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: "to measure the bound"}}})
	z.acked[h.id] = h.acked
	z.halts = append(z.halts, h.id)
	return h
}

// resume lifts the test's own halts.
func (z *boundZone) resume() {
	z.t.Helper()
	z.lift(z.halts)
	z.halts = nil
}

func (z *boundZone) lift(halts []trust.Digest) {
	z.t.Helper()
	r := &pb.Resume{Reason: "to go on measuring"}
	for _, id := range halts {
		r.Halts = append(r.Halts, id[:])
	}
	z.append(&pb.Governance{Record: &pb.Governance_Resume{Resume: r}})
}

// await waits until so many more actions were seen outside (L1). A watchdog may
// rightly have tripped over what the test does to the zone: that is lifted, too.
func (z *boundZone) await(actions int) {
	z.t.Helper()
	const tripped = 2 * time.Second // without an action: look whether it is
	n, more := z.outside.count()
	deadline := time.Now().Add(killLoopPatience)
	for want := n + actions; n < want; n, more = z.outside.count() {
		select {
		case <-more:
		case <-time.After(tripped):
			z.liftTrips()
		}
		if time.Now().After(deadline) {
			z.t.Fatalf("only %d of %d actions within %v", n+actions-want, actions, killLoopPatience)
		}
	}
}

func (z *boundZone) liftTrips() {
	z.t.Helper()
	ctx, cancel := context.WithTimeout(z.t.Context(), killLoopPatience)
	defer cancel()
	gov, err := zone.Govern(ctx, z.fabric, z.broker, slog.New(slog.DiscardHandler))
	must(z.t, err)
	defer gov.Close()
	state, err := gov.State(ctx)
	must(z.t, err)
	var ids []trust.Digest
	for _, h := range state.Halts() {
		z.t.Logf("lifting %s at %d: %s", h.Rule, h.Sequence, h.Reason)
		ids = append(ids, h.ID)
	}
	if len(ids) > 0 {
		z.lift(ids)
	}
}
