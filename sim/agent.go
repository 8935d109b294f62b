package sim

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// agent proposes intents.
type agent struct {
	w        *World
	member   trusttest.Member
	sessions map[string]*chain
	made     uint32
	last     [][]byte // items of its newest list
}

// chain is a session as its agent keeps it.
type chain struct {
	sequence uint64
	head     []byte
}

func newAgent(w *World, m trusttest.Member) *agent {
	return &agent{w: w, member: m, sessions: map[string]*chain{}}
}

// next makes the session's next intent; a and b choose its content. Mutators
// change it before the session moves on.
func (g *agent) next(session string, a, b uint32, mutators ...func(*pb.Intent)) *pb.Intent {
	s := g.sessions[session]
	if s == nil {
		s = &chain{}
		g.sessions[session] = s
	}
	g.made++
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "%8.8s%8d", g.member.ID.Name, g.made), Agent: g.member.SPIFFE(), Session: session, Sequence: s.sequence + 1, Previous: s.head,
		Tool: "pay", Action: "pay", Resource: "account", Arguments: fmt.Appendf(nil, `{"amount":%d}`, 1+b%50),
		Deadline: timestamppb.New(trusttest.Start.Add(g.w.now + 300*time.Millisecond + time.Duration(b%3500)*time.Millisecond)),
	}
	if a%2 == 0 {
		in.Tool, in.Action, in.Resource, in.Arguments = "read", "read", "notes.txt", []byte(`{}`)
	}
	in.Evaluation = b%16 == 7
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
	for _, mutate := range mutators {
		mutate(in)
	}
	return in
}

// moved notes that an intent is under way.
func (g *agent) moved(in *pb.Intent) []byte {
	item := marshal(in)
	digest := trust.DigestOf(item)
	g.sessions[in.GetSession()] = &chain{in.GetSequence(), digest[:]}
	return item
}

// propose sends a list of intents, in one session.
func (g *agent) propose(intents []*pb.Intent, items [][]byte, note string) {
	g.last = items
	g.w.send(nil, g.w.sealList(g.member, schemas.KindIntent, g.member.ID.Name, Truth{Items: items, Intents: intents, Note: note}), nil)
}

// single is a list of one.
func (g *agent) single(in *pb.Intent, note string) trust.Digest {
	item := g.moved(in)
	g.propose([]*pb.Intent{in}, [][]byte{item}, note)
	return trust.DigestOf(item)
}

// ask is an honest proposal: one or two intents, now and then a re-send of the
// last.
func (g *agent) ask(a, b uint32) {
	if a%16 == 0 && g.last != nil {
		g.again("a re-send of " + g.member.ID.Name)
		return
	}
	session := fmt.Sprintf("s%d", a/16%2)
	first := g.next(session, a/32, b)
	intents, items := []*pb.Intent{first}, [][]byte{g.moved(first)}
	if a/64%8 == 0 {
		second := g.next(session, b, a)
		intents, items = append(intents, second), append(items, g.moved(second))
	}
	g.propose(intents, items, fmt.Sprintf("%d of %s, session %s from %d on: %s", len(items), g.member.ID.Name, session, first.GetSequence(), first.GetTool()))
}

// again sends the newest list's items once more, signed anew.
func (g *agent) again(note string) {
	g.propose(decodeAll(g.last), g.last, note)
}

func decodeAll(items [][]byte) []*pb.Intent {
	out := make([]*pb.Intent, len(items))
	for i, item := range items {
		out[i] = new(pb.Intent)
		if unmarshal(item, out[i]) != nil {
			out[i] = nil
		}
	}
	return out
}
