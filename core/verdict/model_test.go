package verdict_test

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// model is State without any cleverness: it keeps every decision for ever and
// looks through all of them for each question.
type model struct{ past []remembered }

type remembered struct {
	*pb.Decision
	at, end time.Time // log time; log time + W
}

func (m *model) apply(d *pb.Decision, memory time.Duration) {
	at := d.GetLogTime().AsTime()
	m.past = append(m.past, remembered{d, at, at.Add(memory)})
}

// seen: decided, and neither its deadline nor W is over.
func (m *model) seen(d trust.Digest, now time.Time) bool {
	return slices.ContainsFunc(m.past, func(r remembered) bool {
		return string(r.GetIntentDigest()) == string(d[:]) && r.GetDeadline().AsTime().After(now) && r.end.After(now)
	})
}

// session is the newest move of a session that lives: one that has not been
// without a remembered move since it began.
func (m *model) session(agent, id string, now time.Time) (newest remembered, lives bool) {
	var end time.Time
	for _, r := range m.past {
		if r.GetAgent() != agent || r.GetSession() != id || r.GetSessionSequence() == 0 {
			continue
		}
		newest = r
		if r.end.After(end) {
			end = r.end
		}
	}
	return newest, end.After(now)
}

func (m *model) sessions(agent string, now time.Time) int {
	ids := map[string]bool{}
	for _, r := range m.past {
		if _, lives := m.session(agent, r.GetSession(), now); lives && r.GetAgent() == agent && r.GetSessionSequence() > 0 {
			ids[r.GetSession()] = true
		}
	}
	return len(ids)
}

// used is what a window holds of a limit: charges younger than it, from the
// first one on whose W is not over.
func (m *model) used(limit, key string, window time.Duration, now time.Time) *big.Int {
	total, remembers := new(big.Int), false
	for _, r := range m.past {
		for _, c := range r.GetCharges() {
			if c.GetLimit() != limit || c.GetKey() != key {
				continue
			}
			remembers = remembers || r.end.After(now)
			if remembers && r.at.After(now.Add(-window)) {
				total.Add(total, big.NewInt(c.GetAmount()))
			}
		}
	}
	return total
}

// judgeSession is what sessions have against an intent, and where it moves its
// own.
func (m *model) judgeSession(in *pb.Intent, most int, now time.Time) (against []pb.Reason, moves uint64) {
	newest, lives := m.session(in.GetAgent(), in.GetSession(), now)
	var sequence uint64
	var head []byte
	if lives {
		sequence, head = newest.GetSessionSequence(), newest.GetIntentDigest()
	} else if m.sessions(in.GetAgent(), now) >= most {
		return []pb.Reason{sessionLimit}, 0
	}
	if in.GetSequence() <= sequence {
		return []pb.Reason{sessionEquivocation}, 0
	}
	if in.GetSequence() > sequence+1 {
		against = append(against, sessionGap)
	}
	if string(in.GetPrevious()) != string(head) {
		against = append(against, sessionFork)
	}
	return against, in.GetSequence()
}

// judgeLimits is what an intent would be charged, and whether it is too much.
func (m *model) judgeLimits(in *pb.Intent, amount int64, release *pb.Release, now time.Time) (charges []*pb.Charge, over bool) {
	for _, l := range release.GetLimits() {
		if len(l.GetTools()) > 0 && !slices.Contains(l.GetTools(), in.GetTool()) {
			continue
		}
		keys := map[pb.LimitKey]string{
			pb.LimitKey_LIMIT_KEY_AGENT: in.GetAgent(), pb.LimitKey_LIMIT_KEY_TOOL: in.GetTool(),
			pb.LimitKey_LIMIT_KEY_SESSION: in.GetAgent() + "#" + in.GetSession(),
		}
		charge := &pb.Charge{Limit: l.GetId(), Key: keys[l.GetKey()], Amount: 1}
		if l.GetArgument() != "" {
			charge.Amount = amount
		}
		charges = append(charges, charge)
		used := m.used(charge.GetLimit(), charge.GetKey(), l.GetWindow().AsDuration(), now)
		room := new(big.Int).Sub(big.NewInt(l.GetMax()), used)
		if room.Sign() < 0 {
			room.SetInt64(0) // a limit that was lowered still lets nothing through, but nothing it lets
		}
		over = over || big.NewInt(charge.GetAmount()).Cmp(room) > 0
	}
	slices.SortFunc(charges, func(a, b *pb.Charge) int {
		if a.GetLimit() < b.GetLimit() {
			return -1
		}
		return 1
	})
	return charges, over
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := newStory(t), &model{}
		for range rapid.IntRange(10, 50).Draw(t, "length") {
			s.wait()
			s.governed()
			in := s.stand(s.next())
			d := s.state.Decide(s.fold, s.rules, in)
			if resend := m.seen(in.Digest, s.now); resend != (d == nil) {
				t.Fatalf("at %d: re-send: %v, decision %v", s.seq, resend, d)
			}
			if d == nil {
				continue
			}
			if in.Content != nil { // else there is nothing that a session or a limit could say
				s.compare(m, in, d)
			}
			s.state.Apply(d, s.rules.Release.Bounds.Memory)
			m.apply(d, s.rules.Release.Bounds.Memory)
		}
	})
}

func (s *story) compare(m *model, in verdict.Intent, d *pb.Decision) {
	want, moves := m.judgeSession(in.Content, s.rules.Release.Bounds.MaxSessions, s.now)
	charges, over := m.judgeLimits(in.Content, amountOf(in.Content), s.rules.Release.Proto, s.now)
	if over {
		want = append(want, limitExceeded)
	}
	got := slices.DeleteFunc(slices.Clone(d.GetReasons()), func(r pb.Reason) bool {
		return !slices.Contains([]pb.Reason{sessionGap, sessionFork, sessionEquivocation, sessionLimit, limitExceeded}, r)
	})
	slices.Sort(want)
	if !slices.Equal(got, want) || d.GetSessionSequence() != moves {
		s.t.Fatalf("at %d: %v to sequence %d, the model says %v to %d", s.seq, got, d.GetSessionSequence(), want, moves)
	}
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && !slices.EqualFunc(d.GetCharges(), charges, func(a, b *pb.Charge) bool { return proto.Equal(a, b) }) {
		s.t.Fatalf("at %d: charged %v, the model says %v", s.seq, d.GetCharges(), charges)
	}
}

func amountOf(in *pb.Intent) int64 {
	var n int64
	for _, c := range in.GetArguments() {
		if c >= '0' && c <= '9' {
			n = n*10 + int64(c-'0')
		}
	}
	return n
}
