package pdp_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// court is a ledger, and somebody who answers from it.
type court struct {
	*feedtest.World
	t    *testing.T
	f    *pdp.Follower
	stop context.CancelFunc
	done chan struct{}
}

// open begins to follow a world.
func open(t *testing.T, w *feedtest.World) *court {
	t.Helper()
	f, err := pdp.New(pdp.Config{Conn: w.Connect("a1"), Zone: feedtest.ZoneName, Ledger: w.Zone.Ledger, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := &court{w, t, f, stop, make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = f.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-c.done })
	return c
}

func permitReads(r *pb.Release) {
	r.Policies = []*pb.PolicySource{{Name: "reads.cedar", Text: `@id("reads") permit (principal, action == Action::"read", resource);`}}
}

func read(agent string) pdp.Question {
	return pdp.Question{Agent: agent, Action: "read", ResourceType: "File", Resource: "a.txt"}
}

// says waits until a question is answered so: by the reasons for which it is denied, or
// by none.
func (c *court) says(q pdp.Question, want ...pb.Reason) {
	c.t.Helper()
	var last pdp.Answer
	var err error
	defer func() {
		if c.t.Failed() {
			c.t.Logf("wanted %v, got %+v, %v", want, last, err)
		}
	}()
	c.Eventually("it is answered", func() bool {
		err = c.f.Ask(func(core *pdp.Core) { last = core.Decide(q) })
		return err == nil && slices.Equal(last.Reasons, want) && last.Allowed == (len(want) == 0)
	})
}

// refuses waits until nobody is answered, for a reason.
func (c *court) refuses(why string) {
	c.t.Helper()
	c.Eventually("nobody is answered: "+why, func() bool {
		err := c.f.Ask(func(*pdp.Core) {})
		return errors.Is(err, pdp.ErrUnable) && strings.Contains(err.Error(), why)
	})
}

// TestFollowsGovernance: what governors say counts for the next answer.
func TestFollowsGovernance(t *testing.T) {
	w := feedtest.New(t, permitReads)
	w.Introduce("s1", "e1", "alice")
	w.Pulse()
	c := open(t, w)
	c.says(read("alice"))
	c.says(read("bob")) // who has not come yet is judged by the directory
	c.says(read("x1"), pb.Reason_REASON_AGENT_UNKNOWN)
	c.says(read(""), pb.Reason_REASON_AGENT_UNKNOWN)

	halt := trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read")
	w.Govern(halt)
	c.says(read("alice"), pb.Reason_REASON_HALTED)
	w.Govern(trusttest.Resume(w.Fold().Governance().Halts()[0].ID))
	c.says(read("alice"))
	w.Govern(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_AGENT, "bob")))
	c.says(read("bob"), pb.Reason_REASON_AGENT_REVOKED)
	w.Govern(trusttest.RevokeKey(w.Member("alice").Key.ID()))
	c.says(read("alice"), pb.Reason_REASON_AGENT_REVOKED)
	w.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	c.says(read("alice"), pb.Reason_REASON_AGENT_REVOKED, pb.Reason_REASON_HALTED)
}

// twice allows two reads an hour to an agent.
func twice(r *pb.Release) {
	r.Limits = append(r.Limits, &pb.Limit{Id: "reads", Tools: []string{"read"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 2, Window: durationpb.New(time.Hour)})
}

// charged makes a decision that takes one read, the same bytes whoever signs it.
func charged(in feedtest.Intent) func(*pb.Decision) {
	now := timestamppb.Now()
	return func(d *pb.Decision) {
		d.LogTime, d.Charges = now, []*pb.Charge{{Limit: "reads", Key: in.Content.GetAgent(), Amount: 1}}
	}
}

// TestCountsWhatQuorumsRecorded: a limit holds what was allowed on the ledger, and no
// question takes anything from it.
func TestCountsWhatQuorumsRecorded(t *testing.T) {
	w := feedtest.New(t, permitReads, twice, func(r *pb.Release) { r.DecisionThreshold = 2 })
	w.Introduce("s1", "e1", "e2", "alice")
	w.Pulse()
	first := w.Propose("one", time.Minute)
	allow := charged(first)
	w.Decide("e1", first, allow)
	w.Decide("e2", first, allow)
	c := open(t, w)
	for range 5 {
		c.says(read("alice"))
	}
	second := w.Propose("two", time.Minute)
	allow = charged(second)
	w.Decide("e1", second, allow)
	w.Decide("e1", second, allow) // the same enforcer once more is no quorum
	last := w.Pulse()
	c.Eventually("the vote is read", func() (there bool) {
		_ = c.f.Ask(func(core *pdp.Core) { there = core.Decide(read("alice")).At.Seq >= last })
		return there
	})
	c.says(read("alice"))
	w.Decide("e2", second, allow)
	c.says(read("alice"), pb.Reason_REASON_LIMIT_EXCEEDED)
	c.says(read("bob"))

	later := open(t, w) // who comes now knows the same
	later.says(read("alice"), pb.Reason_REASON_LIMIT_EXCEEDED)
	later.says(read("bob"))
}

// TestBeginsLate: whoever begins in the middle of a ledger knows who was introduced
// before.
func TestBeginsLate(t *testing.T) {
	w := feedtest.New(t, permitReads, func(r *pb.Release) {
		r.Bounds.Memory, r.Bounds.MaxDeadline = durationpb.New(time.Second), durationpb.New(time.Second)
		r.Limits = nil
	})
	w.Introduce("s1", "e1", "alice")
	w.Govern(trusttest.RevokeKey(w.Member("alice").Key.ID()))
	began := time.Now()
	w.Eventually("more than W passes", func() bool { w.Pulse(); return time.Since(began) > 2*time.Second })
	c := open(t, w)
	c.says(read("bob"))
	c.says(read("alice"), pb.Reason_REASON_AGENT_REVOKED)
}

// TestUnable: while it cannot tell what holds now, nobody is answered.
func TestUnable(t *testing.T) {
	w := feedtest.New(t, permitReads, func(r *pb.Release) { r.Bounds.PulseLimit = durationpb.New(2 * time.Second) })
	w.Introduce("s1", "e1", "alice")
	c := open(t, w)
	c.refuses("no pulse was seen")
	w.Pulse()
	c.says(read("alice"))
	w.Introduce("bob") // moves log time on, without a pulse
	c.Eventually("the pulse grows old", func() bool {
		w.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		err := c.f.Ask(func(*pdp.Core) {})
		return err != nil && strings.Contains(err.Error(), "pulse_limit")
	})
	w.Pulse()
	c.says(read("alice"))

	head := w.Fold().Governance().Head().Proto()
	head.Digest[0] ^= 1
	release := w.Fold().Governance().Release().Digest
	w.PulseOf(head, release)
	c.refuses("the newest pulse")
	w.Pulse()
	c.says(read("alice"))
	w.Server.Shutdown()
	c.refuses("the ledger is")
	c.stop()
	<-c.done
	c.refuses("no longer reading")
}

// TestSilence: a ledger on which nothing is written any more tells nothing of now.
func TestSilence(t *testing.T) {
	w := feedtest.New(t, permitReads, func(r *pb.Release) {
		r.Bounds.PulseLimit, r.Bounds.MaxClockSkew = durationpb.New(time.Second), durationpb.New(time.Second)
		r.Bounds.Start = durationpb.New(500 * time.Millisecond)
	})
	w.Introduce("s1", "alice")
	w.Pulse()
	c := open(t, w)
	c.refuses("too old")
	w.Pulse()
	c.says(read("alice"))
}

func TestNew(t *testing.T) {
	if _, err := pdp.New(pdp.Config{}); err == nil {
		t.Error("a follower of nothing")
	}
}
