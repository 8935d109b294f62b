package sim

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// trick is one way in which a hostile agent changes its next intent.
type trick struct {
	name  string
	moves bool // its own idea of the session moves too
	do    func(w *World, in *pb.Intent)
}

var tricks = []trick{
	{"an honest intent", true, func(*World, *pb.Intent) {}},
	{"equivocation", false, func(_ *World, in *pb.Intent) {
		if in.GetSequence() > 1 {
			in.Sequence--
		}
	}},
	{"a gap", true, func(_ *World, in *pb.Intent) { in.Sequence++ }},
	{"a fork", false, func(_ *World, in *pb.Intent) { in.Previous = trusttest.Key("nothing").Public().Bytes() }},
	{"alice's name", false, func(w *World, in *pb.Intent) { in.Agent = w.alice.member.SPIFFE() }},
	{"a deadline that has passed", true, func(w *World, in *pb.Intent) { in.Deadline = timestamppb.New(trusttest.Start.Add(w.now - maxSkew)) }},
	{"a deadline too far", true, func(w *World, in *pb.Intent) {
		in.Deadline = timestamppb.New(trusttest.Start.Add(w.now + maxDeadline + 3*time.Second))
	}},
	{"an unknown tool", true, func(_ *World, in *pb.Intent) { in.Tool, in.Action = "destroy", "destroy" }},
	{"another tool's action", true, func(_ *World, in *pb.Intent) { in.Action = "write" }},
	{"a tool that bob may not use", true, func(_ *World, in *pb.Intent) {
		in.Tool, in.Action = "read", "read"
		setArguments(in, `{}`)
	}},
	{"an amount over the limit", true, func(_ *World, in *pb.Intent) { setArguments(in, `{"amount":101}`) }},
	{"an amount that policy forbids", true, func(_ *World, in *pb.Intent) { setArguments(in, `{"amount":77}`) }},
	{"arguments of the wrong type", true, func(_ *World, in *pb.Intent) { setArguments(in, `{"amount":"1"}`) }},
	{"other arguments than digested", true, func(_ *World, in *pb.Intent) { in.Arguments = []byte(`{"amount":2 }`) }},
	{"a definition that nobody pinned", true, func(_ *World, in *pb.Intent) { in.DefinitionDigest = trusttest.Key("nothing").Public().Bytes() }},
	{"a session more", true, func(w *World, in *pb.Intent) {
		in.Session, in.Sequence, in.Previous = fmt.Sprintf("x%d", w.bob.made), 1, nil
	}},
}

func setArguments(in *pb.Intent, text string) {
	in.Arguments = []byte(text)
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
}

// mischief is what bob does.
func (g *agent) mischief(a, b uint32) {
	g.w.introduce(g.member.ID.Name)
	if a%8 == 0 {
		a = uint32(len(tricks)) - 1 //nolint:gosec // sessions are many or they are not limited
	}
	switch a %= uint32(len(tricks)) + 3; a { //nolint:gosec // a handful
	case uint32(len(tricks)): //nolint:gosec // a handful
		if g.last != nil {
			g.again("a re-send of bob")
		}
	case uint32(len(tricks)) + 1: //nolint:gosec // a handful
		g.foreign(b)
	case uint32(len(tricks)) + 2: //nolint:gosec // a handful
		g.tamper(b)
	default:
		g.play(tricks[a], b)
		if int(a) == len(tricks)-1 {
			g.play(tricks[a], b)
		}
	}
}

func (g *agent) play(t trick, b uint32) {
	in := g.next("s0", 1, b, func(in *pb.Intent) { t.do(g.w, in) })
	item := marshal(in)
	if t.moves {
		item = g.moved(in)
	}
	g.propose([]*pb.Intent{in}, [][]byte{item}, fmt.Sprintf("bob: %s, session %s at %d", t.name, in.GetSession(), in.GetSequence()))
}

// foreign is a list for another ledger.
func (g *agent) foreign(b uint32) {
	in := g.next("s0", 1, b)
	data := g.member.List(schemas.KindIntent, trust.DigestOf([]byte("another ledger")), marshal(in))
	g.w.send(nil, message{schemas.Subject(trusttest.ZoneName, schemas.KindIntent, "bob"), data, Truth{
		By: "bob", Kind: schemas.KindIntent, Foreign: true, Note: "bob: a list for another ledger",
	}}, nil)
}

// tamper takes the newest intents that alice had on the ledger and changes a
// byte of them.
func (g *agent) tamper(b uint32) {
	for _, e := range slices.Backward(g.w.entries) {
		if e.truth.Kind == schemas.KindIntent && e.truth.By == "alice" {
			data := append([]byte(nil), e.data...)
			data[int(b)%len(data)] ^= 1
			g.w.send(nil, message{e.subject, data, Truth{Note: "alice's intent, altered on the way"}}, nil)
			return
		}
	}
}
