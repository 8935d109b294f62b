package enforcer

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// box is a member's sealing folder: what it holds, and what was brought since.
type box struct {
	held    atomic.Pointer[trust.SealingKeys]
	brought atomic.Pointer[trust.SealingKeys]
	broken  atomic.Bool
}

func (b *box) Held() *trust.SealingKeys { return b.held.Load() }

func (b *box) Refresh() error {
	if b.broken.Load() {
		return errors.New("a folder that cannot be read")
	}
	if keys := b.brought.Load(); keys != nil {
		b.held.Store(keys)
	}
	return nil
}

func boxOf(t *testing.T, keys ...*trust.SealingKey) *box {
	t.Helper()
	set, err := trust.NewSealingKeys(keys...)
	if err != nil {
		t.Fatal(err)
	}
	b := new(box)
	b.held.Store(set)
	return b
}

func sealingKey(t *testing.T, id string) *trust.SealingKey {
	t.Helper()
	k, err := trust.GenerateSealingKey(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func listing(keys ...*trust.SealingKey) func(*pb.Release) {
	return func(r *pb.Release) {
		r.SealingKeys = nil
		for _, k := range keys {
			r.SealingKeys = append(r.SealingKeys, k.SealTo().Proto())
		}
	}
}

func newSealingBench(t *testing.T, mutators ...func(*pb.Release)) *bench {
	b := &bench{feedtest.New(t, append([]func(*pb.Release){permitReads}, mutators...)...), t}
	b.Introduce("alice", "s1")
	return b
}

func permitReads(r *pb.Release) {
	r.Policies = []*pb.PolicySource{{Name: "r.cedar", Text: `@id("r") permit (principal, action == Action::"read", resource);`}}
}

// holding runs e1 with a box for as long as a test needs it.
func (b *bench) holding(keys *box, test func(e *Enforcer)) {
	b.t.Helper()
	e, stop := b.startWith("e1", func(c *Config) {
		if keys != nil {
			c.Sealing = keys
		}
	})
	test(e)
	stop()
}

// sealed writes alice's intent to read with sealed arguments, the first of a
// session that is named by name.
func (b *bench) sealed(name string, to *trust.SealingKey, arguments string) feedtest.Intent {
	b.t.Helper()
	alice := b.Member("alice")
	id := trust.DigestOf([]byte(name))
	in := &pb.Intent{
		Id: id[:16], Agent: alice.SPIFFE(), Session: name, Sequence: 1, Tool: "read", Action: "read", Resource: name,
		Deadline: timestamppb.New(time.Now().Add(30 * time.Second)),
	}
	if err := trust.SealArguments(to.SealTo(), b.Zone.Ledger, in, []byte(arguments)); err != nil {
		b.t.Fatal(err)
	}
	item, err := schemas.Marshal(in)
	if err != nil {
		b.t.Fatal(err)
	}
	seq := b.Write("alice", schemas.KindIntent, "alice", alice.List(schemas.KindIntent, b.Zone.Ledger, item))
	return feedtest.Intent{Content: in, Digest: trust.DigestOf(item), Position: ledger.Position{Seq: seq}}
}

func (b *bench) wantRound(in feedtest.Intent, reasons ...pb.Reason) {
	b.t.Helper()
	d := b.round(in, 0)
	if len(reasons) == 0 && d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || len(d.GetReasons()) != len(reasons) || len(reasons) == 1 && d.GetReasons()[0] != reasons[0] {
		b.t.Errorf("%s: %v because of %v, want %v", in, d.GetVerdict(), d.GetReasons(), reasons)
	}
}

// quiet checks that e1 has read everything, says why it is silent, and decides none of these.
func (b *bench) quiet(e *Enforcer, why string, undecided ...feedtest.Intent) {
	b.t.Helper()
	last := b.Last()
	b.Eventually("all is read", func() bool { return e.Status().Position >= last })
	if s := e.Status(); !strings.Contains(s.Silent, why) || s.Divergences != 0 {
		b.t.Errorf("silent because of %q with %d divergences, want %q", s.Silent, s.Divergences, why)
	}
	e.box.Flush()
	decided := b.decisions()
	for _, in := range undecided {
		if n := len(decided[in.Position]); n != 0 {
			b.t.Errorf("%s has %d decisions", in, n)
		}
	}
}

func (b *bench) republish(version uint64, mutators ...func(*pb.Release)) {
	b.t.Helper()
	gov := b.Fold().Governance()
	release := proto.CloneOf(gov.Release().Proto)
	release.Version, release.Replaces = version, gov.Release().Digest[:]
	for _, m := range mutators {
		m(release)
	}
	b.Govern(trusttest.Released(release))
}

// byPath permits one path only: policy must see what was sealed.
func byPath(r *pb.Release) {
	r.Policies = []*pb.PolicySource{{Name: "p.cedar", Text: `@id("p") permit (principal, action == Action::"read", resource) when { context.arguments has path && context.arguments.path == "yes" };`}}
}

func TestSealedArgumentsAreDecided(t *testing.T) {
	key, other := sealingKey(t, "k1"), sealingKey(t, "k2")
	b := newSealingBench(t, listing(key), byPath)
	b.holding(boxOf(t, key), func(*Enforcer) {
		yes, no := b.sealed("yes", key, `{"path":"yes"}`), b.sealed("no", key, `{"path":"no"}`)
		unknown := b.sealed("unknown", other, `{"path":"yes"}`)
		b.wantRound(yes)
		b.wantRound(no, pb.Reason_REASON_POLICY_DEFAULT_DENY)
		b.wantRound(unknown, pb.Reason_REASON_ARGUMENTS_SEALED)
	})
}

// TestWithoutTheKeyItIsSilentWholly: about plain intents too, and it says which
// key it lacks; one that started with the ledger unread is no other.
func TestWithoutTheKeyItIsSilentWholly(t *testing.T) {
	key := sealingKey(t, "k1")
	for name, keys := range map[string]*box{"none": nil, "an empty folder": new(box), "a namesake": boxOf(t, sealingKey(t, "k1"))} {
		t.Run(name, func(t *testing.T) {
			b := newSealingBench(t, listing(key))
			before := b.Propose("before", time.Minute)
			b.holding(keys, func(e *Enforcer) {
				plain, sealed := b.Propose("plain", time.Minute), b.sealed("sealed", key, "{}")
				b.quiet(e, "k1", before, plain, sealed)
			})
		})
	}
}

// TestAKeyIsBrought: a release lists a new key; it is in the folder already, or
// comes later.
func TestAKeyIsBrought(t *testing.T) {
	key, next := sealingKey(t, "k1"), sealingKey(t, "k2")
	b := newSealingBench(t, listing(key))
	keys := boxOf(t, key)
	b.holding(keys, func(e *Enforcer) {
		both, err := trust.NewSealingKeys(key, next)
		if err != nil {
			t.Fatal(err)
		}
		keys.brought.Store(both)
		b.republish(2, listing(key, next))
		b.wantRound(b.sealed("new", next, "{}"))

		third := sealingKey(t, "k3")
		keys.broken.Store(true)
		b.republish(3, listing(key, next, third))
		waiting := b.Propose("waiting", time.Minute)
		b.quiet(e, "k3", waiting)
		all, err := trust.NewSealingKeys(key, next, third)
		if err != nil {
			t.Fatal(err)
		}
		keys.brought.Store(all)
		keys.broken.Store(false)
		b.Pulse()
		b.wantRound(b.sealed("third", third, "{}"))
		if s := e.Status(); s.Silent != "" {
			t.Errorf("still silent: %s", s.Silent)
		}
	})
}

// TestAfterTheKeyIsErased: a ledger with sealed intents folds on, recorded
// decisions count, sessions continue, and what no quorum decided stays undecided,
// for W with all that comes after it.
func TestAfterTheKeyIsErased(t *testing.T) {
	key := sealingKey(t, "k1")
	b := newSealingBench(t, listing(key))
	var first feedtest.Intent
	b.holding(boxOf(t, key), func(*Enforcer) {
		first = b.sealed("s", key, `{"path":"x"}`)
		b.wantRound(first)
	})
	b.republish(2, listing())
	b.holding(nil, func(e *Enforcer) {
		b.wantRound(b.Propose("plain", time.Minute))
		b.wantRound(b.sealed("late", key, "{}"), pb.Reason_REASON_ARGUMENTS_SEALED)
		if s := e.Status(); s.Silent != "" || s.Divergences != 0 {
			t.Errorf("status %+v", s)
		}
	})
	b.wantRound(first)
}

func TestAnUndecidedSealBlindsForW(t *testing.T) {
	key := sealingKey(t, "k1")
	b := newSealingBench(t, listing(key), func(r *pb.Release) {
		for _, d := range []**durationpb.Duration{&r.Bounds.Memory, &r.Bounds.MaxDeadline} {
			*d = durationpb.New(3 * time.Second)
		}
	})
	lost := b.Propose("plain", 2*time.Second)
	lostSealed := b.sealed("lost", key, "{}")
	b.republish(2, listing())
	b.holding(nil, func(e *Enforcer) {
		after := b.Propose("after", 2*time.Second)
		b.quiet(e, "sealed", lostSealed, after)
		b.wantRound(lost) // it stands before what cannot be derived
		time.Sleep(3100 * time.Millisecond)
		b.Pulse()
		b.wantRound(b.Propose("fresh", 2*time.Second))
	})
}
