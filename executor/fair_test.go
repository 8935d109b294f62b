package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

func intentNo(n int) trust.Digest { return trust.DigestOf(fmt.Append(nil, n)) }

func TestSharesOfSlots(t *testing.T) {
	tests := []struct {
		name string
		most int
		held []int // by each agent, in the order in which they came and took all they might
	}{
		{"one slot", 1, []int{1, 0}},
		{"two slots", 2, []int{2, 0}},
		{"four slots", 4, []int{3, 1, 0}},
		{"one agent leaves a quarter", 256, []int{192}},
		{"each leaves a quarter of what it finds", 256, []int{192, 48, 12, 3, 1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, n := newSlots(), 0
			for agent, want := range tt.held {
				name, got := fmt.Sprint(agent), 0
				for ; s.free(name, tt.most); got++ {
					s.take(intentNo(n), name)
					n++
				}
				if got != want {
					t.Errorf("agent %d got %d slots, want %d", agent, got, want)
				}
			}
		})
	}
}

// TestGreedyAgentsLeaveSlots: however agents that take all they may come and
// end, there are never more slots taken than there are, whoever holds none gets
// one if any is free, and agents that began together leave as much as one of them
// holds a third of.
func TestGreedyAgentsLeaveSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 300).Draw(t, "most")
		s, under := newSlots(), []trust.Digest{}
		for n := range rapid.IntRange(1, 1000).Draw(t, "steps") {
			if len(under) > 0 && rapid.IntRange(0, 9).Draw(t, "ends") == 0 {
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				s.give(under[i])
				s.give(under[i]) // again: nothing
				under = slices.Delete(under, i, i+1)
			}
			agent := fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "agent"))
			if s.free(agent, most) {
				s.take(intentNo(n), agent)
				s.take(intentNo(n), agent) // again: nothing
				under = append(under, intentNo(n))
			}
			if len(under) > most || len(s.holders) != len(under) {
				t.Fatalf("%d slots are taken, %d counted, of %d", len(under), len(s.holders), most)
			}
			if got, want := s.free("newcomer", most), len(under) < most; got != want {
				t.Fatalf("a newcomer is let in: %v, with %d of %d slots taken", got, len(under), most)
			}
		}
		for _, intent := range under {
			s.give(intent)
		}
		if len(s.holders) != 0 || len(s.held) != 0 {
			t.Fatalf("%v is held when all was given back", s.held)
		}
	})
}

func TestGreedyAgentsTogetherShareAlike(t *testing.T) {
	for _, agents := range []int{1, 2, 3, 10, 50} {
		s, n := newSlots(), 0
		for took := true; took; {
			took = false
			for agent := range agents {
				if name := fmt.Sprint(agent); s.free(name, 1000) {
					s.take(intentNo(n), name)
					n, took = n+1, true
				}
			}
		}
		each := share * 1000 / (share*agents + 1)
		for agent, held := range s.held {
			if held < each-1 || held > each+1 {
				t.Errorf("%d agents: %s holds %d slots, want about %d", agents, agent, held, each)
			}
		}
	}
}

// TestAgentsTakeTurns: of those who may go on, nobody is served twice while
// another waits, and each agent's own decisions keep their order.
func TestAgentsTakeTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newFairly()
		var added, taken [5]uint32
		barred := rapid.IntRange(0, 4).Draw(t, "barred")
		may := func(agent string) bool { return agent != fmt.Sprint(barred) }
		sinceServed := map[int]map[int]bool{} // by who waits: who was served meanwhile
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "adds") {
				agent := rapid.IntRange(0, 4).Draw(t, "agent")
				if added[agent] == taken[agent] {
					sinceServed[agent] = map[int]bool{}
				}
				q.add(&pb.Decision{Agent: fmt.Sprint(agent), Round: added[agent]}, func(*pb.Decision) bool { return false })
				added[agent]++
				continue
			}
			d := q.take(may)
			if d == nil {
				for agent := range added {
					if agent != barred && added[agent] != taken[agent] {
						t.Fatalf("nothing was taken, though agent %d waits", agent)
					}
				}
				continue
			}
			agent := int(d.GetAgent()[0] - '0')
			if agent == barred || d.GetRound() != taken[agent] {
				t.Fatalf("number %d of agent %d was taken, want %d", d.GetRound(), agent, taken[agent])
			}
			taken[agent]++
			sinceServed[agent] = map[int]bool{}
			for other, served := range sinceServed {
				if other == agent || other == barred || added[other] == taken[other] {
					continue
				}
				if served[agent] {
					t.Fatalf("agent %d was served twice while agent %d waited", agent, other)
				}
				served[agent] = true
			}
		}
	})
}

// TestWhatWasSweptOutTakesNoTurn: an agent whose decisions have lost hope is
// forgotten.
func TestWhatWasSweptOutTakesNoTurn(t *testing.T) {
	q := newFairly()
	for range leastSweep {
		q.add(&pb.Decision{Agent: "a"}, func(*pb.Decision) bool { return true })
	}
	q.add(&pb.Decision{Agent: "b"}, func(*pb.Decision) bool { return false })
	if d := q.take(func(string) bool { return true }); d.GetAgent() != "b" || !q.empty() || len(q.queues) != 0 {
		t.Errorf("took %q; %d agents are left", d.GetAgent(), len(q.queues))
	}
}

// proposeAs writes an intent of another agent in an envelope of alice's: executors
// leave it to the enforcers whose intents they are.
func (s *stage) proposeAs(agent, name string) feedtest.Intent {
	s.t.Helper()
	in := s.Propose(name, time.Minute)
	in.Content.Agent = strings.Replace(in.Content.GetAgent(), "alice", agent, 1)
	item, err := schemas.Marshal(in.Content)
	s.must(err)
	seq := s.Write("alice", schemas.KindIntent, "alice", s.Member("alice").List(schemas.KindIntent, s.Zone.Ledger, item))
	return feedtest.Intent{Content: in.Content, Digest: trust.DigestOf(item), Position: ledger.Position{Seq: seq}}
}

// TestSlowActionsOfOneAgentLeaveSlots: alice's actions do not end; bob's are
// done all the same.
func TestSlowActionsOfOneAgentLeaveSlots(t *testing.T) {
	s := newStage(t)
	release := make(chan struct{})
	s.open(func(_ context.Context, a Action) (Result, error) {
		if a.Intent.GetResource()[0] == 'a' {
			<-release
		}
		return Result{}, nil
	}, nil)
	const most = 8 // alice may have 6
	s.x.cfg.MaxConcurrent = most
	for i := range 3 * most {
		s.Allow("e1", s.Propose(fmt.Sprintf("a%d", i), time.Minute))
	}
	s.Eventually("alice has all that she may", func() bool { return s.acts.Load() == most-2 })
	for i := range 4 {
		in := s.proposeAs("bob", fmt.Sprintf("b%d", i))
		s.Allow("e1", in)
		s.want(in, pb.Status_STATUS_EXECUTED, 0)
	}
	s.acted(most - 2 + 4)
	close(release)
	s.Eventually("alice's others follow", func() bool { return s.acts.Load() == 3*most+4 })
	s.close()
	if n := len(s.Outcomes()); n != 3*most+4 {
		t.Errorf("%d outcomes, want %d", n, 3*most+4)
	}
}
