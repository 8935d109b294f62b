package permit_test

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// startBound is B of the releases here.
const startBound = 250 * time.Millisecond

// granted is a fresh permit for a request.
func granted(t *testing.T, mutators ...func(*pb.Decision)) (request, permit.Ruling) {
	t.Helper()
	w := newWorld(t, 1)
	r := w.request()
	w.decide(w.decision(r, mutators...), w.e1)
	w.pulse()
	ruling := w.claim(r, w.x1)
	if ruling.Permit == nil {
		t.Fatalf("no permit: %v", ruling.Void)
	}
	return r, ruling
}

func wantRefusal(t *testing.T, grant permit.Grant, err error, want pb.Reason) {
	t.Helper()
	var refusal *schemas.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != want {
		t.Fatalf("refused with %v, want %v", err, want)
	}
	if grant != (permit.Grant{}) {
		t.Fatalf("a refusal that grants %v", grant)
	}
}

func TestUnsetPermitRefuses(t *testing.T) {
	r, _ := granted(t)
	for name, p := range map[string]*permit.Permit{"nil": nil, "zero": new(permit.Permit)} {
		t.Run(name, func(t *testing.T) {
			grant, err := p.Spend(0, 0, r.bytes)
			wantRefusal(t, grant, err, second)
		})
	}
}

func TestSpend(t *testing.T) {
	r, ruling := granted(t)
	grant, err := ruling.Permit.Spend(time.Hour, time.Hour+startBound-1, r.bytes)
	if err != nil {
		t.Fatal(err)
	}
	if grant.Digest != r.digest || grant.Claim != ruling.Position || grant.Decision != ruling.Decision || grant.Intent.GetResource() != "notes.txt" {
		t.Errorf("granted %+v", grant)
	}
	grant, err = ruling.Permit.Spend(time.Hour, time.Hour, r.bytes)
	wantRefusal(t, grant, err, second)
}

// TestSpendRefuses: each refusal spends the permit.
func TestSpendRefuses(t *testing.T) {
	late, unreadable := pb.Reason_REASON_START_LATE, pb.Reason_REASON_START_UNREADABLE
	for _, test := range []struct {
		name    string
		t0, now time.Duration
		change  func(b []byte) []byte
		decided func(d *pb.Decision)
		want    pb.Reason
	}{
		{name: "at B", t0: time.Second, now: time.Second + startBound, want: late},
		{name: "long after B", t0: 0, now: time.Hour, want: late},
		{name: "before t0", t0: time.Second, now: time.Second - 1, want: late},
		{name: "a wait that overflows", t0: -1, now: math.MaxInt64, want: late},
		{name: "a wait that overflows into little", t0: math.MaxInt64, now: math.MinInt64, want: late},
		{name: "other bytes", change: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, want: unreadable},
		{name: "other bytes, alike in all that a decision repeats", change: func(b []byte) []byte {
			return bytes.Replace(b, []byte("notes.txt"), []byte("other.txt"), 1)
		}, want: unreadable},
		{name: "fewer bytes", change: func(b []byte) []byte { return b[:len(b)-1] }, want: unreadable},
		{name: "no bytes", change: func([]byte) []byte { return nil }, want: unreadable},
		{name: "decision of another agent", decided: func(d *pb.Decision) { d.Agent = "spiffe://example.test/z1/agent/bob" }, want: unreadable},
		{name: "decision of another session", decided: func(d *pb.Decision) { d.Session = "other" }, want: unreadable},
		{name: "decision of another deadline", decided: func(d *pb.Decision) {
			d.Deadline = timestamppb.New(d.GetDeadline().AsTime().Add(1))
		}, want: unreadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			var mutators []func(*pb.Decision)
			if test.decided != nil {
				mutators = append(mutators, test.decided)
			}
			r, ruling := granted(t, mutators...)
			sent := append([]byte(nil), r.bytes...)
			if test.change != nil {
				sent = test.change(sent)
			}
			grant, err := ruling.Permit.Spend(test.t0, test.now, sent)
			wantRefusal(t, grant, err, test.want)
			grant, err = ruling.Permit.Spend(0, 0, r.bytes)
			wantRefusal(t, grant, err, second)
		})
	}
}

// TestSpendOfAnotherTool: the quorum allowed "read" for an intent that pays.
func TestSpendOfAnotherTool(t *testing.T) {
	w := newWorld(t, 1)
	r := w.request(func(in *pb.Intent) { in.Tool = "pay" })
	w.decide(w.decision(r, func(d *pb.Decision) { d.Tool = "read" }), w.e1)
	w.pulse()
	ruling := w.claim(r, w.x1)
	grant, err := ruling.Permit.Spend(0, 0, r.bytes)
	wantRefusal(t, grant, err, pb.Reason_REASON_START_UNREADABLE)
}

// TestSpendOfNoIntent: bytes that were decided and are no intent.
func TestSpendOfNoIntent(t *testing.T) {
	w := newWorld(t, 1)
	r := w.request()
	r.bytes = append(r.bytes, 0xf8, 0x07, 0x01) // a field of no schema
	r.digest = trust.DigestOf(r.bytes)
	w.decide(w.decision(r), w.e1)
	w.pulse()
	ruling := w.claim(r, w.x1)
	grant, err := ruling.Permit.Spend(0, 0, r.bytes)
	wantRefusal(t, grant, err, pb.Reason_REASON_START_UNREADABLE)
}

// TestSpentOnce is S2 inside one process: of many who try at once one gets it.
func TestSpentOnce(t *testing.T) {
	r, ruling := granted(t)
	var grants atomic.Int32
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for range 64 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			if _, err := ruling.Permit.Spend(0, 0, r.bytes); err == nil {
				grants.Add(1)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	if grants.Load() != 1 {
		t.Errorf("%d of 64 got the grant", grants.Load())
	}
}
