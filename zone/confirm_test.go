package zone

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

func someone(role pb.Role, name string) trust.Identity {
	return trust.Identity{TrustDomain: "example.test", Zone: "home", Role: role, Name: name}
}

// TestConfirming: an executor has confirmed a halt at position 20 when it says
// that it has folded 20, and is quiescent when nothing in scope runs any more.
func TestConfirming(t *testing.T) {
	acked := time.Unix(1_000_000, 0)
	x1, x2 := someone(pb.Role_ROLE_EXECUTOR, "x1"), someone(pb.Role_ROLE_EXECUTOR, "x2")
	beat := func(id trust.Identity, after time.Duration, position uint64, halted uint32) heartbeat.Seen {
		return heartbeat.Seen{From: id, Received: acked.Add(after), Beat: &pb.Heartbeat{Position: position, HaltedRunning: halted}}
	}
	var told []Confirmation
	c := &confirming{sent: Sent{Seq: 20, Acked: acked}, settled: Quiescent, news: func(one Confirmation) error {
		told = append(told, one)
		return nil
	}}
	c.expect([]trust.Identity{x1, x2})
	for i, step := range []struct {
		beats   []heartbeat.Seen
		content bool
		told    int
	}{
		{nil, false, 0},
		{[]heartbeat.Seen{beat(x1, -time.Second, 19, 0)}, false, 0}, // before: says nothing of the halt
		{[]heartbeat.Seen{beat(x1, 2*time.Millisecond, 19, 0)}, false, 0},
		{[]heartbeat.Seen{beat(x1, 3*time.Millisecond, 20, 2)}, false, 1},
		{[]heartbeat.Seen{beat(x1, 4*time.Millisecond, 21, 1)}, false, 1},
		{[]heartbeat.Seen{beat(x1, 5*time.Millisecond, 21, 0)}, false, 2},
		{[]heartbeat.Seen{beat(x1, 6*time.Millisecond, 21, 3)}, false, 2}, // it has settled
		{[]heartbeat.Seen{beat(x1, 6*time.Millisecond, 21, 0), beat(someone(pb.Role_ROLE_ENFORCER, "x2"), 7*time.Millisecond, 30, 0)}, false, 2},
		{[]heartbeat.Seen{beat(x2, -time.Microsecond, 20, 0)}, true, 3}, // it overtook the acknowledgement
	} {
		content, err := c.look(step.beats)
		if err != nil || content != step.content || len(told) != step.told {
			t.Fatalf("step %d: content %v, told %d (%v), want %v, %d", i, content, len(told), err, step.content, step.told)
		}
	}
	if one := c.all[0]; one.Folded != 3*time.Millisecond || one.Settled != 5*time.Millisecond {
		t.Errorf("x1: folded after %v, settled after %v", one.Folded, one.Settled)
	}
	if one := c.all[1]; one.Folded != 0 || one.Settled != 0 {
		t.Errorf("x2: folded after %v, settled after %v", one.Folded, one.Settled)
	}
}

// TestSilenceConfirmsNothing: whoever was heard before the halt only has not
// spoken since.
func TestSilenceConfirmsNothing(t *testing.T) {
	x1 := someone(pb.Role_ROLE_EXECUTOR, "x1")
	c := &confirming{sent: Sent{Seq: 20, Acked: time.Unix(1000, 0)}, settled: Quiescent}
	c.expect([]trust.Identity{x1})
	content, err := c.look([]heartbeat.Seen{{From: x1, Received: time.Unix(999, 0), Beat: &pb.Heartbeat{Position: 19}}})
	if one := c.all[0]; err != nil || content || one.Beat != nil || one.Folded >= 0 || one.Settled >= 0 {
		t.Errorf("content %v, %v, %+v", content, err, c.all[0])
	}
}

func TestArmedAgain(t *testing.T) {
	for _, test := range []struct {
		beat *pb.Heartbeat
		want bool
	}{
		{&pb.Heartbeat{Started: true}, true},
		{&pb.Heartbeat{}, false},
		{&pb.Heartbeat{Started: true, Disarmed: "no pulse"}, false},
		{nil, false},
	} {
		if got := Armed(test.beat); got != test.want {
			t.Errorf("%v: %v", test.beat, got)
		}
	}
}

// TestSkew: a clock is as far off as the stored time lies outside of the span in
// which the record was sent and acknowledged.
func TestSkew(t *testing.T) {
	sent, acked := time.Unix(100, 0), time.Unix(101, 0)
	for stored, want := range map[int64]time.Duration{100: 0, 101: 0, 40: time.Minute, 161: -time.Minute} {
		if got := Skew(time.Unix(stored, 0), sent, acked); got != want {
			t.Errorf("stored at %d: %v, want %v", stored, got, want)
		}
	}
}
