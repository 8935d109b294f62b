package verdict_test

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// story grows a random ledger: two agents with a few sessions each, well and ill
// behaved, under releases that change W, limits and the number of sessions.
type story struct {
	*world
	t     *rapid.T
	halts []trust.Digest
	sent  []sentItem
}

type sentItem struct {
	by   trusttest.Member
	item []byte
}

func newStory(t *rapid.T) *story {
	s := &story{t: t}
	s.world = newWorld(t, s.drawRelease())
	return s
}

// longest is the longest W that any release of a story may have.
const longest = time.Minute

func (s *story) drawRelease() func(*pb.Release) {
	memory := rapid.SampledFrom([]time.Duration{10 * time.Second, 25 * time.Second, longest}).Draw(s.t, "W")
	window := func(label string) *durationpb.Duration {
		return durationpb.New(rapid.SampledFrom([]time.Duration{1, time.Second, memory / 2, memory - 1, memory}).Draw(s.t, label))
	}
	most := rapid.SampledFrom([]int64{0, 1, 2, 3, 10, math.MaxInt64})
	all := []*pb.Limit{
		{Id: "spent", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_TOOL, Argument: "amount", Max: most.Draw(s.t, "spent"), Window: window("spent window")},
		{Id: "calls", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: most.Draw(s.t, "calls"), Window: window("calls window")},
		{Id: "burst", Key: pb.LimitKey_LIMIT_KEY_SESSION, Max: most.Draw(s.t, "burst"), Window: window("burst window")},
	}
	sessions := rapid.Uint32Range(1, 3).Draw(s.t, "sessions")
	deadline := rapid.SampledFrom([]time.Duration{5 * time.Second, memory}).Draw(s.t, "max deadline")
	kept := rapid.IntRange(0, len(all)).Draw(s.t, "limits")
	return func(p *pb.Release) {
		p.Limits = all[:kept]
		p.Bounds.Memory, p.Bounds.MaxDeadline, p.Bounds.MaxSessions = durationpb.New(memory), durationpb.New(deadline), sessions
	}
}

// wait lets log time pass, often exactly to where something ends.
func (s *story) wait() {
	step := rapid.SampledFrom([]time.Duration{
		0, 0, 1, time.Second, 5*time.Second - 1, 5 * time.Second, 10*time.Second - 1, 10 * time.Second, 25*time.Second - 1, 25 * time.Second, longest,
	}).Draw(s.t, "wait")
	s.now = s.now.Add(step)
}

// governed sometimes appends a governance record.
func (s *story) governed() {
	switch kind := rapid.IntRange(0, 19).Draw(s.t, "governance"); {
	case kind == 0:
		s.release(s.drawRelease())
	case kind == 1:
		s.halts = append(s.halts, s.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_AGENT, s.bob.SPIFFE())))
	case kind < 4 && len(s.halts) > 0:
		s.govern(trusttest.Resume(s.halts...))
		s.halts = nil
	}
}

// next is the next thing that an agent sends: mostly the right one, sometimes an
// old one again, sometimes one that breaks its session.
func (s *story) next() sentItem {
	if len(s.sent) > 0 && rapid.IntRange(0, 9).Draw(s.t, "again") == 0 {
		return s.sent[rapid.IntRange(0, len(s.sent)-1).Draw(s.t, "what")]
	}
	who := []trusttest.Member{s.alice, s.bob}[rapid.IntRange(0, 1).Draw(s.t, "who")]
	in := s.intent(who, session(fmt.Sprintf("s%d", rapid.IntRange(1, 3).Draw(s.t, "session"))), func(in *pb.Intent) {
		if rapid.Bool().Draw(s.t, "pays") {
			pay(rapid.SampledFrom([]int64{0, 1, 2, 7, math.MaxInt64 - 1, math.MaxInt64}).Draw(s.t, "amount"))(in)
		}
		in.Deadline = timestamppb.New(s.now.Add(s.drawDeadline()))
	})
	switch rapid.IntRange(0, 29).Draw(s.t, "manners") {
	case 1:
		in.Sequence = rapid.Uint64Range(1, 4).Draw(s.t, "sequence")
	case 2:
		in.Previous = make([]byte, 32)
	case 3:
		in.Sequence = rapid.SampledFrom([]uint64{math.MaxInt64, math.MaxUint64}).Draw(s.t, "leap")
	}
	item := encode(s.t, in)
	key := who.ID.Name + "#" + in.GetSession()
	s.newest[key], s.digests[key] = in, trust.DigestOf(item)
	sent := sentItem{who, item}
	s.sent = append(s.sent, sent)
	return sent
}

// stand puts an item on the ledger without the cost of signing it: the fold
// steps over noise in its place.
func (s *story) stand(it sentItem) verdict.Intent {
	s.seq++
	if _, err := s.fold.Step(s.parser.Parse(ledger.Raw{Seq: s.seq, Time: s.now, Subject: "noise"})); err == nil {
		s.t.Fatal("noise was taken for a record")
	}
	signer, known := s.fold.Credential(it.by.Key.ID())
	if !known {
		s.t.Fatalf("no credential of %s", it.by.ID)
	}
	read := verdict.Read(it.item)
	return verdict.Intent{
		Position: ledger.Position{Seq: s.seq}, Digest: trust.DigestOf(it.item), Signer: signer, Content: read.Intent, Defect: read.Defect,
	}
}

// drawDeadline is mostly one that every release of a story accepts.
func (s *story) drawDeadline() time.Duration {
	if rapid.IntRange(0, 3).Draw(s.t, "sober") > 0 {
		return 5 * time.Second
	}
	return rapid.SampledFrom([]time.Duration{
		-1, 0, 1, 5*time.Second + 1, 10 * time.Second, longest, 5 * longest, 200 * 365 * 24 * time.Hour, math.MaxInt64,
	}).Draw(s.t, "deadline")
}
