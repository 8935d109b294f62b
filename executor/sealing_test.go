package executor

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// box is a sealing folder: what was read of it, and what is in it now.
type box struct {
	held, now atomic.Pointer[trust.SealingKeys]
}

func (b *box) Held() *trust.SealingKeys { return b.held.Load() }

func (b *box) Refresh() error {
	if b.now.Load() == nil {
		return errors.New("a folder that cannot be read")
	}
	b.held.Store(b.now.Load())
	return nil
}

func newBox(t *testing.T) (*box, *trust.SealingKey) {
	t.Helper()
	key, err := trust.GenerateSealingKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	set, err := trust.NewSealingKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	b := new(box)
	b.now.Store(set)
	return b, key
}

const secret = `{"path":"the-secret-path"}`

// sealed writes alice's intent to read with sealed arguments, changed before it
// is sent.
func (s *stage) sealed(name string, to *trust.SealingKey, change func(*pb.Intent)) feedtest.Intent {
	s.t.Helper()
	alice := s.Member("alice")
	id := trust.DigestOf([]byte(name))
	in := &pb.Intent{
		Id: id[:16], Agent: alice.SPIFFE(), Session: name, Sequence: 1, Tool: "read", Action: "read", Resource: name,
		Deadline: timestamppb.New(time.Now().Add(time.Minute)),
	}
	s.must(trust.SealArguments(to.SealTo(), s.Zone.Ledger, in, []byte(secret)))
	change(in)
	item, err := schemas.Marshal(in)
	s.must(err)
	seq := s.Write("alice", schemas.KindIntent, "alice", alice.List(schemas.KindIntent, s.Zone.Ledger, item))
	return feedtest.Intent{Content: in, Digest: trust.DigestOf(item), Position: ledger.Position{Seq: seq}}
}

func asSent(*pb.Intent) {}

// TestAHandlerGetsOpenedArguments, with a key that was brought after the start.
func TestAHandlerGetsOpenedArguments(t *testing.T) {
	s := newStage(t)
	keys, key := newBox(t)
	s.sealing = keys
	got := make(chan string, 2)
	s.open(func(_ context.Context, a Action) (Result, error) {
		got <- string(a.Intent.GetArguments())
		if a.Digest.IsZero() || a.Intent.GetSealed().GetKey() != "k1" {
			t.Error("the handler cannot tell that the arguments were sealed, or for which bytes the permit is")
		}
		return Result{}, nil
	}, nil)
	for _, name := range []string{"first", "second"} {
		in := s.sealed(name, key, asSent)
		s.Allow("e1", in)
		s.want(in, pb.Status_STATUS_EXECUTED, 0)
		if arguments := <-got; arguments != secret {
			t.Errorf("%s: the handler got %q", name, arguments)
		}
	}
	s.close()
	s.acted(2)
}

// TestWhatDoesNotOpenIsNotStarted: it is abandoned for good before anything starts.
func TestWhatDoesNotOpenIsNotStarted(t *testing.T) {
	tests := map[string]struct {
		keys   func(*box) Sealing
		change func(*pb.Intent)
	}{
		"no keys":        {func(*box) Sealing { return nil }, asSent},
		"no key":         {func(*box) Sealing { return new(box) }, asSent},
		"another id":     {func(b *box) Sealing { return b }, func(in *pb.Intent) { in.Sealed.Key = "k2" }},
		"does not open":  {func(b *box) Sealing { return b }, func(in *pb.Intent) { in.Sealed.Data[50] ^= 1 }},
		"another digest": {func(b *box) Sealing { return b }, func(in *pb.Intent) { in.ArgumentsDigest[0] ^= 1 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			keys, key := newBox(t)
			s.sealing = test.keys(keys)
			s.open(quick, nil)
			in := s.sealed("s", key, test.change)
			s.Allow("e1", in)
			s.want(in, pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_UNREADABLE)
			s.close()
			s.acted(0)
		})
	}
}

// TestARefusalTellsNoSecret: what is said of an intent that did not open goes to
// logs and to the agent.
func TestARefusalTellsNoSecret(t *testing.T) {
	keys, key := newBox(t)
	in := &pb.Intent{Id: make([]byte, 16), Agent: "a"}
	ledgerID := trust.DigestOf([]byte("a ledger"))
	if err := trust.SealArguments(key.SealTo(), ledgerID, in, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	in.ArgumentsDigest[0] ^= 1
	x := &Executor{cfg: Config{Ledger: ledgerID, Sealing: keys}}
	err := x.open(in)
	if schemas.ReasonOf(err) != pb.Reason_REASON_START_UNREADABLE || strings.Contains(err.Error(), "secret") || in.GetArguments() != nil {
		t.Errorf("%v, arguments %q", err, in.GetArguments())
	}
}
