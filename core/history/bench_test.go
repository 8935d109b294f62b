package history_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var benchIntents = flag.Int("history.intents", 50_000, "how many intents the benchmarks' ledger has")

// perList is how many items a list of the benchmarks' ledger holds.
const perList = 256

// flood is a ledger of lists, made as it is told: each intent decided twice,
// claimed and executed.
type flood struct {
	*world
	reading, telling time.Duration // decoding and folding; history.Step alone
	previous         []byte
}

func newFlood(b *testing.B, n int) *flood {
	b.Helper()
	f := &flood{world: newWorld(b, history.Config{Intents: n + perList})}
	for at := 0; at < n; at += perList {
		f.now = f.now.Add(100 * time.Millisecond)
		if at%(8*perList) == 0 {
			f.pulse()
		}
		f.round(at)
	}
	f.now = f.now.Add(5 * time.Minute) // until no claim rests on any of them
	f.pulse()
	return f
}

// round tells one list of intents and what becomes of them.
func (f *flood) round(from int) {
	f.tb.Helper()
	var intents, decisions, claims, outcomes [][]byte
	gov, x1, alice := f.fold.Governance(), spiffe("x1"), spiffe("alice")
	deadline, release := timestamppb.New(f.now.Add(10*time.Second)), gov.Release().Digest
	for i := range perList {
		id := binary.BigEndian.AppendUint64(make([]byte, 8), uint64(from+i+1))
		arguments := trust.DigestOf([]byte(`{}`))
		in := &pb.Intent{
			Id: id, Agent: alice, Session: "main", Sequence: uint64(from + i + 1), Previous: f.previous, Tool: "read", Action: "read",
			Resource: fmt.Sprintf("file-%d", (from+i)%1000), Arguments: []byte(`{}`), ArgumentsDigest: arguments[:], Deadline: deadline,
		}
		if f.previous != nil {
			in.Parents = [][]byte{f.previous}
		}
		item := encode(f.tb, in)
		digest := trust.DigestOf(item)
		f.previous = digest[:]
		at := ledger.Position{Seq: f.seq + 1, Index: uint32(i)}
		intents = append(intents, item)
		decisions = append(decisions, encode(f.tb, &pb.Decision{
			Intent: at.Proto(), IntentDigest: digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Policies: []string{"read"}, Epoch: gov.Epoch(),
			Release: release[:], Deadline: deadline, LogTime: timestamppb.New(f.now), Agent: alice, Session: "main", Tool: "read", SessionSequence: in.GetSequence(),
		}))
		claims = append(claims, encode(f.tb, &pb.Claim{IntentDigest: digest[:], Intent: at.Proto(), Executor: x1, Incarnation: make([]byte, 16), Number: uint32(from + i)}))
		outcomes = append(outcomes, encode(f.tb, &pb.Outcome{
			IntentDigest: digest[:], Claim: ledger.Position{Seq: f.seq + 4, Index: uint32(i)}.Proto(), Executor: x1, Status: pb.Status_STATUS_EXECUTED,
			Finished: timestamppb.New(f.now), Head: gov.Head().Proto(),
		}))
	}
	f.list(schemas.KindIntent, "alice", "alice", intents)
	f.list(schemas.KindDecision, "read", "e1", decisions)
	f.list(schemas.KindDecision, "read", "e2", decisions)
	f.list(schemas.KindClaim, "read", "x1", claims)
	f.list(schemas.KindOutcome, "read", "x1", outcomes)
}

// list tells one list, and stops the time.
func (f *flood) list(kind schemas.Kind, token, by string, items [][]byte) {
	f.tb.Helper()
	data := members()[by].List(kind, f.zone.Ledger, items...)
	f.seq++
	f.now = f.now.Add(time.Millisecond)
	began := time.Now()
	parsed := f.parser.Parse(ledger.Raw{Seq: f.seq, Time: f.now, Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data})
	ahead := history.Read(parsed)
	rec, noise := f.fold.Step(parsed)
	read := time.Now()
	if err := f.history.Step(f.fold, rec, ahead); err != nil || noise != nil {
		f.tb.Fatalf("position %d: %v, %v", f.seq, err, noise)
	}
	f.reading += read.Sub(began)
	f.telling += time.Since(read)
}

// BenchmarkHistory tells a ledger, then asks it. Its lists hold 256 items.
func BenchmarkHistory(b *testing.B) {
	n := *benchIntents
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f := newFlood(b, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	counts := f.history.Counts()
	if page, err := f.history.Search(history.Query{Filter: history.Filter{State: history.StateExecuted}}); err != nil || page.Total != counts.Intents {
		b.Fatalf("%d executed of %d: %v", page.Total, counts.Intents, err)
	}
	b.Run("fold", func(b *testing.B) {
		for b.Loop() {
			runtime.KeepAlive(f) // it was told once, before
		}
		b.ReportMetric(float64(f.telling.Nanoseconds())/float64(counts.Intents), "ns/intent")
		b.ReportMetric(float64(f.reading.Nanoseconds())/float64(counts.Intents), "ns-reading/intent")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(counts.Intents), "B/intent")
		b.ReportMetric(0, "ns/op")
	})
	alice := spiffe("alice")
	for name, q := range map[string]history.Query{
		"search/position": {Filter: history.Filter{First: f.seq / 2, Last: f.seq/2 + 10}},
		"search/reason":   {Filter: history.Filter{Reason: "claim.second"}},
		"search/agent":    {Filter: history.Filter{Agent: alice}, Newest: true},
		"search/resource": {Filter: history.Filter{Resource: "file-77"}},
		"search/state":    {Filter: history.Filter{State: history.StateDenied}},
		"search/all done": {Filter: history.Filter{State: history.StateExecuted}, Newest: true},
		"search/verdict":  {Filter: history.Filter{Verdict: "ALLOW"}, Newest: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.history.Search(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	newest := trust.DigestIn(f.previous)
	b.Run("ancestors", func(b *testing.B) {
		for b.Loop() {
			if g, err := f.history.Lineage(newest, history.Walk{Ancestors: true, Depth: 100}); err != nil || len(g.Nodes) != 101 {
				b.Fatal(err)
			}
		}
	})
}
