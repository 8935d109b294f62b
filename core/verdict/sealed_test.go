package verdict_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// boxKey is the sealing key of these tests, spareKey another.
var boxKey, spareKey = sealingKey("box"), sealingKey("spare")

func sealingKey(id string) *trust.SealingKey {
	k, err := trust.GenerateSealingKey(id)
	if err != nil {
		panic(err)
	}
	return k
}

func keySet(keys ...*trust.SealingKey) *trust.SealingKeys {
	set, err := trust.NewSealingKeys(keys...)
	if err != nil {
		panic(err)
	}
	return set
}

// lists puts sealing keys into a release.
func lists(keys ...*trust.SealingKey) func(*pb.Release) {
	return func(p *pb.Release) {
		p.SealingKeys = nil
		for _, k := range keys {
			p.SealingKeys = append(p.SealingKeys, k.SealTo().Proto())
		}
	}
}

// sealed seals an intent's arguments; it comes after what changes them.
func (w *world) sealed(to *trust.SealingKey) func(*pb.Intent) {
	return func(in *pb.Intent) {
		if err := trust.SealArguments(to.SealTo(), w.zone.Ledger, in, in.GetArguments()); err != nil {
			w.tb.Fatal(err)
		}
	}
}

func (w *world) holding(keys ...*trust.SealingKey) *world {
	w.reader = verdict.Reader{Ledger: w.zone.Ledger, Keys: keySet(keys...)}
	return w
}

// TestSealedArguments: what an enforcer with the key decides.
func TestSealedArguments(t *testing.T) {
	small := `@id("small") permit (principal, action == Action::"pay", resource) when { context.arguments.amount < 10 };`
	// Another key of the same id.
	namesake := sealingKey("box")
	tests := []struct {
		name   string
		lists  []*trust.SealingKey
		change func(w *world) []func(*pb.Intent)
		want   []pb.Reason
	}{
		{"policy sees what was sealed", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey)}
		}, nil},
		{"and denies it", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(50), w.sealed(boxKey)}
		}, []pb.Reason{policyDefaultDeny}},
		{"what was sealed is no JSON", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), arguments("amount"), w.sealed(boxKey)}
		}, []pb.Reason{argumentsInvalid}},
		{"one byte beside the seal", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), arguments("{")}
		}, []pb.Reason{intentInvalid}},
		{"both sealed and not", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), arguments("{}")}
		}, []pb.Reason{intentInvalid}},
		{"a key that the release does not list", []*trust.SealingKey{spareKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey)}
		}, []pb.Reason{argumentsSealed}},
		{"sealed to another key of that id", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(namesake)}
		}, []pb.Reason{argumentsSealed}},
		{"the name of another key", []*trust.SealingKey{boxKey, spareKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), func(in *pb.Intent) { in.Sealed.Key = "spare" }}
		}, []pb.Reason{argumentsSealed}},
		{"another digest", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), func(in *pb.Intent) { in.ArgumentsDigest = make([]byte, 32) }}
		}, []pb.Reason{argumentsSealed}},
		{"one bit changed", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), func(in *pb.Intent) { in.Sealed.Data[40] ^= 1 }}
		}, []pb.Reason{argumentsSealed}},
		{"the seal of another intent", []*trust.SealingKey{boxKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), func(in *pb.Intent) { in.Id = []byte("an id of its own") }}
		}, []pb.Reason{argumentsSealed}},
		{"nothing but the seal is looked at", []*trust.SealingKey{spareKey}, func(w *world) []func(*pb.Intent) {
			return []func(*pb.Intent){pay(5), w.sealed(boxKey), deadline(w.now), func(in *pb.Intent) { in.Context = []byte(`{"x":1}`) }}
		}, []pb.Reason{deadlinePassed, argumentsSealed}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, policies(small), lists(test.lists...)).holding(boxKey, spareKey)
			wantReasons(t, w.ask(w.alice, test.change(w)...), test.want...)
			wantReasons(t, w.ask(w.bob, pay(1))) // nobody else is held up
		})
	}
}

// TestSealedElsewhere: a seal for another ledger opens on none but that.
func TestSealedElsewhere(t *testing.T) {
	w := newWorld(t, lists(boxKey)).holding(boxKey)
	elsewhere := trust.DigestOf([]byte("elsewhere"))
	wantReasons(t, w.ask(w.alice, func(in *pb.Intent) {
		if err := trust.SealArguments(boxKey.SealTo(), elsewhere, in, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}), argumentsSealed)
}

// TestWithoutTheKeyNothingIsDecided: neither in round 0 nor in a later one, nor
// with another key under the listed id.
func TestWithoutTheKeyNothingIsDecided(t *testing.T) {
	for name, held := range map[string][]*trust.SealingKey{"none": nil, "another": {spareKey}, "a namesake": {sealingKey("box")}} {
		w := newWorld(t, lists(boxKey)).holding(held...)
		before := w.state.Digest()
		if d := w.ask(w.alice, w.sealed(boxKey)); d != nil {
			t.Errorf("%s: decided %v because of %v", name, d.GetVerdict(), d.GetReasons())
		}
		if w.state.Digest() != before {
			t.Errorf("%s: the state has changed", name)
		}
		rec := w.mustAppend(schemas.KindIntent, "alice", w.alice.List(schemas.KindIntent, w.zone.Ledger, encode(t, w.intent(w.alice, w.sealed(boxKey)))))
		if !w.rules.Sealed(intentBy(w.reader, rec, 0)) {
			t.Errorf("%s: the intent is not said to be sealed", name)
		}
		if _, ok := w.state.PolicyRequest(w.fold, w.rules, intentBy(w.reader, rec, 0)); ok {
			t.Errorf("%s: policy would be asked about what nobody has read", name)
		}
	}
}

// TestADecisionHoldsNoArguments: what was sealed is in no decision, but for what
// limits count.
func TestADecisionHoldsNoArguments(t *testing.T) {
	w := newWorld(t, lists(boxKey), limits(&pb.Limit{Id: "spent", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: 1 << 40, Window: durationpb.New(time.Minute)})).holding(boxKey)
	d := w.ask(w.alice, pay(123456789), w.sealed(boxKey))
	wantReasons(t, d)
	if len(d.GetCharges()) != 1 || d.GetCharges()[0].GetAmount() != 123456789 {
		t.Errorf("charged %v", d.GetCharges())
	}
	d = w.ask(w.alice, arguments(`{"path":"the-secret-path"}`), w.sealed(boxKey))
	wantReasons(t, d)
	if bytes.Contains(encode(t, d), []byte("the-secret-path")) {
		t.Errorf("the decision holds what was sealed: %v", d)
	}
}

// trial draws what happens in a ledger of sealed and plain intents.
type trial struct {
	*court
	t       *rapid.T
	waiting []*pb.Decision
	past    map[ledger.Position]*pb.Decision
}

const trialMemory = 90 * time.Second

func newTrial(t *rapid.T) *trial {
	c := newCourt(t, lists(boxKey), bounds(func(b *pb.Bounds) { b.Memory = durationpb.New(trialMemory) }),
		limits(&pb.Limit{Id: "spent", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: 900, Window: durationpb.New(time.Minute)}))
	c.holding(boxKey)
	return &trial{court: c, t: t, past: map[ledger.Position]*pb.Decision{}}
}

// move is one thing that happens.
type move struct {
	after    time.Duration
	answer   int // index of the intent that p1 or p2 approves; -1: alice or bob asks
	approver bool
	bob      bool
	sealed   bool
	amount   int64
	session  string
	broken   bool // it names a wrong predecessor
}

func drawMove(t *rapid.T, waiting int) move {
	m := move{
		after:  time.Duration(rapid.SampledFrom([]int{0, 1, 5, 40, 100}).Draw(t, "after")) * time.Second,
		answer: -1, approver: rapid.Bool().Draw(t, "approver"), bob: rapid.Bool().Draw(t, "bob"), sealed: rapid.Bool().Draw(t, "sealed"),
		amount:  rapid.SampledFrom([]int64{1, 80, 150, 850}).Draw(t, "amount"),
		session: rapid.SampledFrom([]string{"one", "two"}).Draw(t, "session"), broken: rapid.IntRange(0, 9).Draw(t, "broken") == 0,
	}
	if waiting > 0 && rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
		m.answer = rapid.IntRange(0, waiting-1).Draw(t, "answer")
	}
	return m
}

func (r *trial) do(m move, seal bool) *pb.Decision {
	r.now = r.now.Add(m.after)
	d := r.happens(m, seal)
	if d != nil {
		r.past[verdict.DecidedAt(d)] = d
	}
	if d != nil && d.GetRound() == 0 {
		r.waiting = append(r.waiting, d)
	}
	return d
}

func (r *trial) happens(m move, seal bool) *pb.Decision {
	if m.answer >= 0 {
		approver := r.p1
		if m.approver {
			approver = r.p2
		}
		return r.answer(approver, r.waiting[m.answer], true)
	}
	by := r.alice
	if m.bob {
		by = r.bob
	}
	changes := []func(*pb.Intent){session(m.session), pay(m.amount)}
	if seal {
		changes = append(changes, r.sealed(boxKey))
	}
	if m.broken {
		changes = append(changes, func(in *pb.Intent) { in.Previous = bytes.Repeat([]byte{9}, 32) })
	}
	return r.request(by, changes...)
}

// TestSealingChangesNoVerdict: the same intents, sealed or plain, give the same
// decisions but for the digests of what was decided.
func TestSealingChangesNoVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain, sealed := newTrial(t), newTrial(t)
		for range rapid.IntRange(5, 40).Draw(t, "length") {
			m := drawMove(t, len(plain.waiting))
			want, got := plain.do(m, false), sealed.do(m, m.sealed)
			if (want == nil) != (got == nil) {
				t.Fatalf("plain %v, sealed %v", want, got)
			}
			if want == nil {
				continue
			}
			want, got = proto.CloneOf(want), proto.CloneOf(got)
			want.IntentDigest, got.IntentDigest = nil, nil
			if !proto.Equal(want, got) {
				t.Fatalf("plain  %v\nsealed %v", want, got)
			}
		}
	})
}

// keyless is a replica without keys beside one that has them, on one ledger.
type keyless struct {
	replica   *verdict.Replica
	fold      *ledger.Fold
	next      int // of stored
	underived []ledger.Position
}

func (r *trial) without(recorded func(ledger.Position) *pb.Decision) *keyless {
	k := &keyless{fold: ledger.NewFold(r.zone.Ledger, ledger.NewKeys())}
	k.replica = verdict.NewReplica(verdict.ReplicaConfig{
		Recorded: recorded, Underived: func(at ledger.Position) { k.underived = append(k.underived, at) },
	})
	return k
}

// catchUp folds what was stored since, and compares each decision that it
// derives with the one that was made with the key.
func (k *keyless) catchUp(r *trial) {
	for ; k.next < len(r.stored); k.next++ {
		rec, err := k.fold.Step(r.parser.Parse(r.stored[k.next]))
		if err != nil {
			r.t.Fatal(err)
		}
		all, err := k.replica.Step(k.fold, rec, contentsOf(rec))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, d := range all {
			if want := r.past[verdict.DecidedAt(d.Decision)]; want == nil || !proto.Equal(want, d.Decision) {
				r.t.Fatalf("without the key it derives %v,\nwith the key it is %v", d.Decision, want)
			}
		}
	}
}

func (k *keyless) compare(r *trial, what string) {
	r.replica.State().Expire(r.now.UnixNano())
	k.replica.State().Expire(r.now.UnixNano())
	if r.replica.State().Digest() != k.replica.State().Digest() {
		r.t.Fatalf("%s: the state is another one than with the key", what)
	}
}

// TestWithoutTheKeyNothingWrongIsDerived: a replica without the key says nothing
// for W rather than anything wrong; one that knows what quorums recorded goes on
// with that, and derives the rest.
func TestWithoutTheKeyNothingWrongIsDerived(t *testing.T) {
	saw := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		r := newTrial(t)
		told := r.without(func(at ledger.Position) *pb.Decision { return r.past[at] })
		alone := r.without(nil)
		for range rapid.IntRange(5, 40).Draw(t, "length") {
			m := drawMove(t, len(r.waiting))
			d := r.do(m, m.sealed)
			told.catchUp(r)
			alone.catchUp(r)
			if told.replica.Blind(told.fold) {
				t.Fatal("blind, although every decision was recorded")
			}
			told.compare(r, "told")
			if m.sealed && m.answer < 0 && d != nil && !slices.Contains(told.underived, verdict.DecidedAt(d)) {
				t.Fatalf("it is not said that the decision at %s was not derived", verdict.DecidedAt(d))
			}
			if blind := alone.replica.Blind(alone.fold); blind {
				saw["blind"]++
			} else {
				alone.compare(r, "alone")
				if len(alone.underived) > 0 {
					saw["sees again"]++
				}
			}
		}
	})
	if saw["blind"] == 0 || saw["sees again"] == 0 {
		t.Errorf("the test never saw both: %v", saw)
	}
}

// TestBlindForW: exactly as long as the decision that is missing matters.
func TestBlindForW(t *testing.T) {
	c := newCourt(t, lists(boxKey), bounds(func(b *pb.Bounds) { b.Memory = durationpb.New(trialMemory) }))
	if c.replica.Blind(c.fold) {
		t.Error("blind before anything happened")
	}
	nothing(t, c.request(c.alice, c.sealed(boxKey)))
	c.now = c.now.Add(trialMemory - 1)
	c.govern(&pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "pay"}, Reason: "time goes by"}}})
	if !c.replica.Blind(c.fold) {
		t.Error("it sees before W is over")
	}
	nothing(t, c.request(c.bob, session("fresh"))) // plain, and yet it cannot know
	c.now = c.now.Add(trialMemory)
	c.fold.RaiseLogTime(c.now)
	if c.replica.Blind(c.fold) {
		t.Error("blind for longer than W")
	}
	wantReasons(t, c.request(c.bob, session("later")))
}
