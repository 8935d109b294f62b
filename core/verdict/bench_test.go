package verdict_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// manyPolicies is n policies over many agents; a few are in scope for alice.
func manyPolicies(n int) string {
	text := []byte(permitBoth)
	for i := 1; i < n; i++ {
		text = fmt.Appendf(text, "@id(\"p%d\") ", i)
		switch agent := fmt.Sprintf(`principal == Agent::"spiffe://example.test/z1/agent/a%d"`, i/3); i % 3 {
		case 0:
			text = fmt.Appendf(text, "permit (%s, action == Action::\"pay\", resource) when { context.arguments.amount <= 1000 };\n", agent)
		case 1:
			text = fmt.Appendf(text, "permit (%s, action == Action::\"read\", resource) when { resource.id like \"docs/*\" };\n", agent)
		default:
			text = fmt.Appendf(text, "forbid (principal, action == Action::\"pay\", resource == Account::\"acct-%d\") when { context.usage.sum > 90 };\n", i)
		}
	}
	return string(text)
}

// BenchmarkDecide measures one decision on an intent that is read and whose
// signature is checked already, under two limits.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			// Ten thousand policies are more than one record holds: no ledger here.
			release, err := governance.NewRelease(trust.DigestOf([]byte("a release")), w.zone.Release(policies(manyPolicies(n)),
				limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 1000, time.Minute), count(pb.LimitKey_LIMIT_KEY_SESSION, 50, time.Minute))))
			if err != nil {
				b.Fatal(err)
			}
			w.rules = verdict.Compile(release)
			wantReasons(b, w.ask(w.alice, pay(5)))
			in := w.read(w.intent(w.alice, pay(5)))
			b.ReportAllocs()
			for b.Loop() {
				if d := w.state.Decide(w.fold, w.rules, in); len(d.GetReasons()) > 0 {
					b.Fatal(d.GetReasons())
				}
			}
		})
	}
}

// BenchmarkSession measures what an enforcer does for each intent of a session
// but read it: decide, encode, apply; log time passes, so the state forgets too.
func BenchmarkSession(b *testing.B) {
	w := newWorld(b, policies(manyPolicies(1_000)), limits(count(pb.LimitKey_LIMIT_KEY_AGENT, 1<<40, time.Second), sum(pb.LimitKey_LIMIT_KEY_AGENT, 9, time.Second)),
		bounds(func(b *pb.Bounds) {
			b.MaxDeadline, b.Memory = durationpb.New(10*time.Second), durationpb.New(10*time.Second)
		}))
	in := w.read(w.intent(w.alice))
	b.ReportAllocs()
	for b.Loop() {
		w.now = w.now.Add(time.Millisecond)
		w.fold.RaiseLogTime(w.now)
		in.Content.Deadline = timestamppb.New(w.now.Add(time.Second))
		d := w.state.Decide(w.fold, w.rules, in)
		if len(d.GetReasons()) > 0 {
			b.Fatal(d.GetReasons())
		}
		encode(b, d)
		w.state.Apply(d, w.rules.Release.Bounds.Memory)
		previous := in.Digest
		in.Content.Sequence, in.Content.Previous = in.Content.GetSequence()+1, previous[:]
		binary.BigEndian.PutUint64(in.Digest[:], in.Content.GetSequence())
	}
}

// read is alice's intent as it stands on the ledger, ready to be decided.
func (w *world) read(in *pb.Intent) verdict.Intent {
	return intentOf(w.mustAppend(schemas.KindIntent, "alice", w.alice.List(schemas.KindIntent, w.zone.Ledger, encode(w.tb, in))), 0)
}
