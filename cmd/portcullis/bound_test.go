package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var halts = flag.Int("halts", 25, "halts of TestBound")

// TestBound halts a zone of real processes under load, again and again, each
// time in another scope, and lifts the halt at once. No act in scope starts later
// than B after any halt, none under a claim behind it, and none ever under a
// decision from before it (S3). What the executors say of their starts is held
// against what a server outside saw.
func TestBound(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	z := newBoundZone(t)
	z.startAll(nil)
	stop := z.load()
	folded := map[string][]time.Duration{}
	for round := range *halts {
		z.await(len(z.agents) * boundWorkers)
		time.Sleep(z.randomly(20 * time.Millisecond)) // the moment must have nothing to do with what runs
		halted := z.halt(z.scope(round))
		time.Sleep(z.randomly(60 * time.Millisecond)) // the fleet runs into it
		z.resume()
		z.folded(halted, folded)
	}
	z.await(1)
	stop()
	_, stops, acts := z.verdict()
	z.tell(stops, acts, folded)
}

// scope is the round's: all, one tool, one agent.
func (z *boundZone) scope(round int) *pb.Scope {
	one := round / 3
	switch round % 3 {
	case 0:
		return global()
	case 1:
		return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: boundTools[one%len(boundTools)]}
	default:
		id := trust.Identity{TrustDomain: z.fabric.TrustDomain, Zone: z.fabric.Zone, Role: pb.Role_ROLE_AGENT, Name: boundAgents[one%len(boundAgents)]}
		return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: id.String()}
	}
}

func global() *pb.Scope { return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL} }

// folded notes how long after its acknowledgement each executor had folded a
// halt, by its log. A log that has no word of it, or no longer, says nothing.
func (z *boundZone) folded(h appended, after map[string][]time.Duration) {
	for _, name := range []string{"x1", "x2"} {
		if at, ok := foldedAt(z.parts[name].Log(), h.seq); ok {
			after[name] = append(after[name], max(at.Sub(h.acked), 1)) // its author may learn of it last
		}
	}
}

// foldedAt is when a log says that a governance record was folded.
func foldedAt(log string, seq uint64) (time.Time, bool) {
	for line := range strings.Lines(log) {
		var entry struct {
			Time time.Time `json:"time"`
			Msg  string    `json:"msg"`
			Seq  uint64    `json:"seq"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "governance" && entry.Seq == seq {
			return entry.Time, true
		}
	}
	return time.Time{}, false
}

// tell prints the distribution beside B, and refuses a run that could not have
// failed.
func (z *boundZone) tell(stops []stop, acts []act, folded map[string][]time.Duration) {
	z.t.Helper()
	var started, arrived, stored []time.Duration
	busy := 0
	for _, s := range stops {
		m := measure(s, acts)
		started, arrived, stored = append(started, m.started), append(arrived, m.arrived), append(stored, m.stored)
		if m.underWay > 0 {
			busy++
		}
	}
	after := 0
	for i := range stops {
		if started[i] > 0 || arrived[i] > 0 {
			after++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d halts, %d acts; B is %v\n", len(stops), len(acts), z.bounds.start)
	fmt.Fprintf(&b, "  actions of the scope under way at the halt     %d of %d halts\n", busy, len(stops))
	fmt.Fprintf(&b, "  no start after the acknowledgement             %d of %d halts\n", len(stops)-after, len(stops))
	fmt.Fprintf(&b, "  acknowledgement to last start, stated          %s\n", distribution(started))
	fmt.Fprintf(&b, "  acknowledgement to last start, seen outside    %s\n", distribution(arrived))
	fmt.Fprintf(&b, "  halt in the ledger to last start, stated       %s\n", distribution(stored))
	for _, name := range []string{"x1", "x2"} {
		fmt.Fprintf(&b, "  acknowledgement until %s has folded the halt   %s\n", name, distribution(folded[name]))
	}
	z.t.Log(b.String())
	if len(stops) < *halts {
		z.t.Errorf("%d halts stand on the ledger, %d were acknowledged", len(stops), *halts)
	}
	if busy*2 < len(stops) {
		z.t.Errorf("only %d of %d halts met an action under way: this proves little", busy, len(stops))
	}
}
