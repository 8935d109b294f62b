package executor

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestARestartReadsThePulseThatAClaimRestsOn: x2's claim is valid by a pulse from
// long before it. Who starts from its mark must read that pulse, or it takes the
// claim for void and acts a second time (S2).
func TestARestartReadsThePulseThatAClaimRestsOn(t *testing.T) {
	const deadline, skew = 3 * time.Second, time.Second
	s := newStage(t, func(r *pb.Release) {
		r.Bounds.MaxDeadline, r.Bounds.MaxClockSkew = durationpb.New(deadline), durationpb.New(skew)
		r.Bounds.PulseLimit, r.Bounds.PulseInterval = durationpb.New(20*time.Second), durationpb.New(10*time.Second)
	})
	s.Pulse()
	time.Sleep(skew + 1500*time.Millisecond)
	in := s.Propose("s", deadline-100*time.Millisecond)
	s.Allow("e1", in)
	s.Claim("x2", in, [16]byte{1})
	time.Sleep(deadline/2 + 200*time.Millisecond)
	mark := &memory{}
	mark.seq.Store(s.Write("alice", schemas.KindIntent, "alice", []byte("noise")))
	s.begin(quick, mark)
	s.armed()
	s.folded()
	time.Sleep(500 * time.Millisecond) // it would have bid by now
	s.close()
	s.acted(0)
}

// TestAQueueMayBeSweptWhileItIsWalked: a bid that must wait after all sweeps out
// what is hopeless.
func TestAQueueMayBeSweptWhileItIsWalked(t *testing.T) {
	w := &waiting{sweep: 1}
	hopeless := func(d *pb.Decision) bool { return d.GetEpoch() == 0 }
	for i := range 300 {
		digest := trust.DigestOf([]byte{byte(i), byte(i >> 8)})
		w.queue = append(w.queue, &pb.Decision{IntentDigest: digest[:], Deadline: timestamppb.Now()})
	}
	w.add(&pb.Decision{Epoch: 1}, hopeless)
	if w.len() != 1 || w.take().GetEpoch() != 1 || !w.empty() {
		t.Errorf("%d are left", w.len())
	}
}
