package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// stop is one halt or trip. All times are of this machine's one clock.
type stop struct {
	id     trust.Digest
	scope  *pb.Scope
	seq    uint64
	lifted uint64    // position of the resume; 0 if there is none
	stood  time.Time // when the ledger stored it: never after acked
	acked  time.Time // when its author had the acknowledgement
}

// stops are the halts and trips of a ledger, with the moments at which those of
// the test's own were acknowledged.
func (a *account) stops(acked map[trust.Digest]time.Time) []stop {
	var all []stop
	for _, c := range a.changes {
		s := stop{id: c.id, seq: c.seq, stood: a.times[c.seq], acked: acked[c.id]}
		switch {
		case c.record.GetHalt() != nil:
			s.scope = c.record.GetHalt().GetScope()
		case c.record.GetTrip() != nil:
			s.scope = c.record.GetTrip().GetScope()
		default:
			for i := range all {
				if all[i].lifted == 0 && lifts(c.record.GetResume(), all[i].id) {
					all[i].lifted = c.seq
				}
			}
			continue
		}
		if s.acked.IsZero() {
			s.acked = s.stood
		}
		all = append(all, s)
	}
	return all
}

func lifts(r *pb.Resume, halt trust.Digest) bool {
	return slices.ContainsFunc(r.GetHalts(), func(id []byte) bool { return digest(id) == halt })
}

// reaches reports whether an action is in the scope of a halt.
func (s stop) reaches(a act) bool {
	switch s.scope.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		return s.scope.GetValue() == a.asked.tool
	case pb.ScopeKind_SCOPE_KIND_AGENT:
		return s.scope.GetValue() == a.asked.agent
	case pb.ScopeKind_SCOPE_KIND_SESSION:
		return s.scope.GetValue() == a.asked.agent && s.scope.GetSession() == a.asked.session
	case pb.ScopeKind_SCOPE_KIND_DRILL:
		return false
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_ZONE, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
		return true
	default:
		return true
	}
}

// frozen is when the test had an executor stopped. An act that it had started
// before is seen outside after: S3 is about starts.
type frozen struct {
	executor string
	from, to time.Time
}

// transit is how long after its start an act may be seen outside: a connection
// and a request within this machine, which may be busy.
const transit = 100 * time.Millisecond

// checker checks S3 by its definition.
type checker struct {
	bound  time.Duration // B
	frozen []frozen
}

// check is every way in which acts break the promise of one halt. What it does
// not ask is when the executor knew of it.
func (c checker) check(s stop, acts []act) (wrong []string) {
	for _, a := range acts {
		if why := c.breaks(s, a); why != "" {
			wrong = append(wrong, fmt.Sprintf("halt at %d (%s): act under claim %s of %s, asked for at %d: %s",
				s.seq, governance.ScopeString(s.scope), a.claim, a.executor, a.asked.seq, why))
		}
	}
	return wrong
}

func (c checker) breaks(s stop, a act) string {
	behind := a.claim.Seq > s.seq
	switch {
	case behind && a.asked.seq < s.seq:
		return "its decision is of the epoch before the halt"
	case !s.reaches(a):
		return ""
	case behind && (s.lifted == 0 || a.claim.Seq < s.lifted):
		return "its claim stands behind the halt, which nobody had lifted"
	case behind:
		return ""
	}
	if late := a.started.Sub(s.stood); !a.started.IsZero() && late >= c.bound+clockRounding {
		return fmt.Sprintf("it started %v after the halt; the start bound is %v", late, c.bound)
	}
	if late := a.arrived.Sub(s.stood); !a.arrived.IsZero() && late >= c.bound+transit && !c.wasFrozen(a) {
		return fmt.Sprintf("it was seen %v after the halt; the start bound is %v", late, c.bound)
	}
	return ""
}

// late is every act that started later than B after its claim stood on the
// ledger, halted or not.
func (a *account) late(acts []act, bound time.Duration) (wrong []string) {
	for _, c := range acts {
		if waited := since(a.times[c.claim.Seq], c.started); waited >= bound+clockRounding {
			wrong = append(wrong, fmt.Sprintf("act under claim %s of %s started %v after it; the start bound is %v", c.claim, c.executor, waited, bound))
		}
	}
	return wrong
}

// dishonest is every act of which the ledger and the outside tell different
// stories.
func dishonest(acts []act) (wrong []string) {
	for _, a := range acts {
		why := ""
		switch {
		case !a.claimed:
			why = "it was seen, and no such claim stands on the ledger"
		case a.executed && a.arrived.IsZero():
			why = "it is EXECUTED, and nobody saw it"
		case !a.arrived.IsZero() && a.started.After(a.arrived.Add(clockRounding)):
			why = fmt.Sprintf("it was seen %v before it started", a.started.Sub(a.arrived))
		default:
			continue
		}
		wrong = append(wrong, fmt.Sprintf("act under claim %s of %s: %s", a.claim, a.executor, why))
	}
	return wrong
}

// wasFrozen reports whether an act's executor was stopped between its start and
// the moment at which it was seen.
func (c checker) wasFrozen(a act) bool {
	return !a.started.IsZero() && slices.ContainsFunc(c.frozen, func(f frozen) bool {
		return f.executor == a.executor && a.started.Before(f.from) && a.arrived.After(f.to)
	})
}

// measured is how long after one halt something in its scope started.
type measured struct {
	started, arrived time.Duration // last one after the acknowledgement; 0 if none
	stored           time.Duration // last start after the ledger's time of the halt; 0 if none
	underWay         int           // claimed before the halt, acted on, not settled before it
}

func measure(s stop, acts []act) (m measured) {
	for _, a := range acts {
		if !s.reaches(a) || a.claim.Seq > s.seq {
			continue
		}
		if a.settled == 0 || a.settled > s.seq {
			m.underWay++
		}
		m.stored = max(m.stored, since(s.stood, a.started))
		m.started = max(m.started, since(s.acked, a.started))
		m.arrived = max(m.arrived, since(s.acked, a.arrived))
	}
	return m
}

// since is 0 for a moment that is not known.
func since(from, to time.Time) time.Duration {
	if to.IsZero() {
		return 0
	}
	return to.Sub(from)
}

// distribution describes durations in one line; zeros count as none.
func distribution(all []time.Duration) string {
	all = slices.DeleteFunc(slices.Clone(all), func(d time.Duration) bool { return d <= 0 })
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d, p50 %v, p99 %v, max %v", len(all), at(50), at(99), at(100))
}

// TestBoundChecker plants each thing that must not happen, beside the nearest
// thing that may.
func TestBoundChecker(t *testing.T) {
	const (
		bound = 250 * time.Millisecond
		scout = "spiffe://test.portcullis/home/agent/scout"
	)
	halted := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(d time.Duration) time.Time { return halted.Add(d) }
	global := stop{scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, seq: 100, lifted: 110, stood: halted}
	tool := stop{scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "http-poll"}, seq: 100, lifted: 110, stood: halted}
	agent := stop{scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: scout}, seq: 100, lifted: 110, stood: halted}
	forever := global
	forever.lifted = 0
	of := func(intent, claim uint64, started, arrived time.Duration) act {
		return act{
			claim: ledger.Position{Seq: claim}, claimed: true, executor: "x1", started: after(started), arrived: after(arrived),
			asked: asked{seq: intent, agent: scout, tool: "http-get"},
		}
	}
	unstated := of(90, 99, 0, 10*time.Second)
	unstated.started = time.Time{}
	unseen := of(90, 99, bound+clockRounding, 0)
	unseen.arrived = time.Time{}
	stopped := []frozen{{"x1", after(50 * time.Millisecond), after(2 * time.Second)}}
	for name, test := range map[string]struct {
		stop   stop
		act    act
		frozen []frozen
		says   string // "" if nothing is wrong
	}{
		"long before":                       {global, of(90, 91, -time.Second, -time.Second), nil, ""},
		"within the bound":                  {global, of(90, 99, bound-1, bound), nil, ""},
		"late start":                        {global, of(90, 99, bound+clockRounding, bound), nil, "it started 255ms after"},
		"late start, unseen":                {global, unseen, nil, "it started 255ms after"},
		"seen late":                         {global, of(90, 99, 10*time.Millisecond, bound+transit), nil, "it was seen 350ms after"},
		"seen late, not stated":             {global, unstated, nil, "it was seen 10s after"},
		"frozen after the start":            {global, of(90, 99, 40*time.Millisecond, 3*time.Second), stopped, ""},
		"frozen, but started then":          {global, of(90, 99, 60*time.Millisecond, 3*time.Second), stopped, "it was seen 3s after"},
		"frozen, and late start":            {global, of(90, 99, 3*time.Second, 3*time.Second), stopped, "it started 3s after"},
		"frozen, but seen meanwhile":        {global, of(90, 99, 40*time.Millisecond, time.Second), stopped, "it was seen 1s after"},
		"claim behind the halt":             {global, of(101, 102, time.Millisecond, time.Millisecond), nil, "behind the halt"},
		"claim behind, never lifted":        {forever, of(120, 121, time.Minute, time.Minute), nil, "behind the halt"},
		"claim behind the resume":           {global, of(111, 112, time.Minute, time.Minute), nil, ""},
		"asked between, claimed after":      {global, of(105, 112, time.Minute, time.Minute), nil, ""}, // the resume's own epoch is TestStaleEpoch's business
		"stale decision after the resume":   {global, of(99, 112, time.Second, time.Second), nil, "epoch before"},
		"stale decision, another tool":      {tool, of(99, 101, time.Millisecond, time.Millisecond), nil, "epoch before"},
		"another tool":                      {tool, of(90, 99, time.Second, time.Second), nil, ""},
		"another tool, asked and done then": {tool, of(101, 102, time.Second, time.Second), nil, ""},
		"the agent":                         {agent, of(101, 102, time.Millisecond, time.Millisecond), nil, "behind the halt"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := checker{bound, test.frozen}.check(test.stop, []act{test.act})
			if (test.says != "") != (len(wrong) == 1) || len(wrong) > 1 || !strings.Contains(strings.Join(wrong, ""), test.says) {
				t.Errorf("found %q, and %q is wanted", wrong, test.says)
			}
		})
	}
}

func TestBoundDishonest(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	early := act{claimed: true, started: now, arrived: now.Add(-2 * clockRounding)}
	for name, test := range map[string]struct {
		act  act
		says string // "" if nothing is wrong
	}{
		"stated and seen":      {act{claimed: true, executed: true, started: now, arrived: now.Add(time.Millisecond)}, ""},
		"seen, not stated":     {act{claimed: true, arrived: now}, ""},
		"failed, never seen":   {act{claimed: true, started: now}, ""},
		"executed, never seen": {act{claimed: true, executed: true, started: now}, "nobody saw it"},
		"seen too early":       {early, "10ms before it started"},
		"no claim":             {act{arrived: now}, "no such claim"},
	} {
		wrong := strings.Join(dishonest([]act{test.act}), "")
		if (test.says != "") != (wrong != "") || !strings.Contains(wrong, test.says) {
			t.Errorf("%s: found %q, and %q is wanted", name, wrong, test.says)
		}
	}
}

func TestBoundLate(t *testing.T) {
	const bound = 250 * time.Millisecond
	stood := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newAccount()
	a.times[9] = stood
	claim := ledger.Position{Seq: 9, Index: 3}
	in := []act{{claim: claim, started: stood.Add(bound - 1)}, {claim: claim, arrived: stood.Add(time.Hour)}}
	if wrong := a.late(in, bound); len(wrong) != 0 {
		t.Errorf("found %q in starts that are in time or not stated", wrong)
	}
	if wrong := a.late([]act{{claim: claim, started: stood.Add(bound + clockRounding)}}, bound); len(wrong) != 1 {
		t.Errorf("found %q where one start is late", wrong)
	}
}

// TestBoundMeasure: what is printed beside B is what the acts say.
func TestBoundMeasure(t *testing.T) {
	stood := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := stop{seq: 100, stood: stood, acked: stood.Add(2 * time.Millisecond)}
	acts := []act{
		{claim: ledger.Position{Seq: 90}, settled: 95, started: stood.Add(-time.Second)},
		{claim: ledger.Position{Seq: 98}, settled: 104, started: stood.Add(5 * time.Millisecond), arrived: stood.Add(6 * time.Millisecond)},
		{claim: ledger.Position{Seq: 99}, arrived: stood.Add(9 * time.Millisecond)},
		{claim: ledger.Position{Seq: 101}, started: stood.Add(time.Hour)},
	}
	if got, want := measure(s, acts), (measured{3 * time.Millisecond, 7 * time.Millisecond, 5 * time.Millisecond, 2}); got != want {
		t.Errorf("measured %v, want %v", got, want)
	}
	if got := distribution([]time.Duration{0, 30 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond}); got != "3, p50 20ms, p99 30ms, max 30ms" {
		t.Error(got)
	}
}
