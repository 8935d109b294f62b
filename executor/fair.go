package executor

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// slots counts what each agent has under way: claims on their way and actions
// that run. Actions cannot be taken back, so what keeps one agent's slow ones from
// filling every slot is that some always stay free for others.
type slots struct {
	holders map[trust.Digest]string // intent → agent
	held    map[string]int          // agent → slots
}

func newSlots() *slots {
	return &slots{holders: make(map[trust.Digest]string), held: make(map[string]int)}
}

// share is how many times as many slots an agent may hold as are free. One agent
// alone gets three quarters of all; each further one gets three quarters of what
// the others left, so who holds nothing finds a slot until very many agents are
// at their share.
const share = 3

// free reports whether an agent may have one more of so many in all.
func (s *slots) free(agent string, most int) bool {
	return s.held[agent] < share*(most-len(s.holders))
}

// full reports whether nobody may have one more of so many in all.
func (s *slots) full(most int) bool { return len(s.holders) >= most }

// take gives an intent a slot, unless it has one.
func (s *slots) take(intent trust.Digest, agent string) {
	if _, has := s.holders[intent]; has {
		return
	}
	s.holders[intent] = agent
	s.held[agent]++
}

// give gives an intent's slot back, if it has one.
func (s *slots) give(intent trust.Digest) {
	agent, has := s.holders[intent]
	if !has {
		return
	}
	delete(s.holders, intent)
	if s.held[agent]--; s.held[agent] == 0 {
		delete(s.held, agent)
	}
}

// fairly holds allowed decisions on which no claim can be made yet. Agents take
// turns; of one agent the oldest comes first.
type fairly struct {
	queues map[string]*waiting // by agent; none is empty
	turns  []string            // agents with a queue, whose turn is next first
}

func newFairly() *fairly { return &fairly{queues: make(map[string]*waiting)} }

func (q *fairly) empty() bool { return len(q.turns) == 0 }

func (q *fairly) add(d *pb.Decision, hopeless func(*pb.Decision) bool) {
	agent := d.GetAgent()
	one, known := q.queues[agent]
	if !known {
		one = new(waiting)
		q.queues[agent] = one
		q.turns = append(q.turns, agent)
	}
	one.add(d, hopeless)
}

// take removes the next decision whose agent may go on; nil if there is none. It looks
// at each agent once at most: with a slot free, at no more than hold one already.
func (q *fairly) take(may func(agent string) bool) *pb.Decision {
	for range q.turns {
		agent := q.turns[0]
		q.turns = q.turns[1:]
		one := q.queues[agent]
		if one.empty() { // swept out
			delete(q.queues, agent)
			continue
		}
		if !may(agent) {
			q.turns = append(q.turns, agent)
			continue
		}
		d := one.take()
		if one.empty() {
			delete(q.queues, agent)
		} else {
			q.turns = append(q.turns, agent)
		}
		return d
	}
	return nil
}
