package streams

import (
	"context"
	"testing"
	"time"
)

// TestStepDown: each stream's leader hands over, and what was acknowledged is there;
// a leader that is not meant stays; a participant has no right to it.
func TestStepDown(t *testing.T) {
	c := newCluster(t, clusterConfig{durable: relaxed})
	operator, alice := c.operator(), c.at("alice")
	head := c.append(alice, intent, "before")
	for s := range streamCount {
		done, err := operator.StepDown(soon(t), s, "")
		must(t, err)
		if done.From == done.To || done.From == "" || done.To == "" {
			t.Errorf("%s: %+v", s.Name(zone), done)
		}
		for _, only := range []string{"nobody", done.From} { // neither leads now
			stays, err := operator.StepDown(soon(t), s, only)
			must(t, err)
			if stays.From != stays.To || stays.From == only {
				t.Errorf("%s: only %s was meant: %+v", s.Name(zone), only, stays)
			}
		}
		leader, err := operator.leads(soon(t), s)
		must(t, err)
		meant, err := operator.StepDown(soon(t), s, leader.leader)
		must(t, err)
		if meant.From != leader.leader || meant.To == leader.leader {
			t.Errorf("%s: %s was meant: %+v", s.Name(zone), leader.leader, meant)
		}
	}
	if got, err := c.at("enf").Get(soon(t), head); err != nil || string(got.Data) != "before" {
		t.Errorf("what was acknowledged is %q, %v", got.Data, err)
	}
	for _, name := range []string{"alice", "enf", "exec", "sent", "gov"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if done, err := c.at(name).StepDown(ctx, Ledger, ""); err == nil {
			t.Errorf("%s had a leader step down: %+v", name, done)
		}
		m, err := c.bare(name).RequestWithContext(ctx, Ledger.stepDown(zone), nil)
		if err == nil {
			t.Errorf("%s was answered %s", name, m.Data)
		}
		cancel()
	}
}

// TestNobodyStepsDownForNobody: with too few others left, the leader is left alone.
func TestNobodyStepsDownForNobody(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.admin().StepDown(soon(t), Ledger, ""); err == nil {
		t.Error("a server that is alone stepped down")
	}
	if _, err := w.admin().StepDown(soon(t), -1, ""); err == nil {
		t.Error("stream -1 has a leader")
	}
	c := newCluster(t, clusterConfig{durable: relaxed})
	leader := c.leader()
	for i := range c.nodes {
		if i != leader {
			c.stop(i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if done, err := c.operator().StepDown(ctx, Ledger, ""); err == nil {
		t.Errorf("a leader without followers stepped down: %+v", done)
	}
}
