package lineage_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/dashboards/lineage"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// perList is how many items a list of a flood holds.
const perList = 256

// flood is a ledger on a real broker, written by hand: each intent is decided twice,
// claimed and executed, but the last of each list, which is denied.
type flood struct {
	*feedtest.World
	tb       testing.TB
	previous map[string][]byte // newest intent of each agent's session
	intents  int
}

func newFlood(tb testing.TB, intents int) *flood {
	tb.Helper()
	f := &flood{World: feedtest.New(tb), tb: tb, previous: map[string][]byte{}}
	f.Introduce("alice", "bob", "e1", "e2", "x1", "s1")
	f.Pulse()
	for round := 0; f.intents < intents; round++ {
		if round%8 == 7 {
			f.Pulse()
		}
		f.round([]string{"alice", "bob"}[round%2], min(perList, intents-f.intents))
	}
	return f
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := schemas.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// intent is the next of an agent's session; the other agent's newest is its parent.
func (f *flood) intent(by string, number int) (*pb.Intent, []byte) {
	other := map[string]string{"alice": "bob", "bob": "alice"}[by]
	arguments := trust.DigestOf([]byte(`{}`))
	in := &pb.Intent{
		Id: binary.BigEndian.AppendUint64(make([]byte, 8), uint64(number+1)), Agent: f.Member(by).SPIFFE(), Session: "main",
		Sequence: uint64(number + 1), Previous: f.previous[by], Tool: "read", Action: "read", Resource: fmt.Sprintf("out/file-%d", number),
		Arguments: []byte(`{}`), ArgumentsDigest: arguments[:], Deadline: timestamppb.New(time.Now().Add(10 * time.Second)),
	}
	if parent := f.previous[other]; parent != nil {
		in.Parents = [][]byte{parent}
	}
	item := encode(f.tb, in)
	digest := trust.DigestOf(item)
	f.previous[by] = digest[:]
	return in, item
}

// round writes one list of intents, and what becomes of them.
func (f *flood) round(by string, n int) {
	f.tb.Helper()
	gov := f.Fold().Governance()
	all, items := make([]*pb.Intent, n), make([][]byte, n)
	for i := range n {
		all[i], items[i] = f.intent(by, f.intents+i)
	}
	f.intents += n
	at := f.list(schemas.KindIntent, by, by, items)
	decisions := make([][]byte, n)
	for i, in := range all {
		digest := trust.DigestOf(items[i])
		d := &pb.Decision{
			Intent: ledger.Position{Seq: at, Index: uint32(i)}.Proto(), IntentDigest: digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Policies: []string{"read"},
			Epoch: gov.Epoch(), Release: gov.Release().Digest[:], Deadline: in.GetDeadline(), LogTime: timestamppb.Now(),
			Agent: in.GetAgent(), Session: "main", Tool: "read", SessionSequence: in.GetSequence(),
		}
		if i == n-1 {
			d.Verdict, d.Policies, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, nil, []pb.Reason{pb.Reason_REASON_HALTED}
		}
		decisions[i] = encode(f.tb, d)
	}
	f.list(schemas.KindDecision, "read", "e1", decisions)
	f.list(schemas.KindDecision, "read", "e2", decisions)
	claims, outcomes := make([][]byte, n-1), make([][]byte, n-1)
	claimed := f.Last() + 1
	for i := range claims {
		digest, x1 := trust.DigestOf(items[i]), f.Member("x1").SPIFFE()
		claims[i] = encode(f.tb, &pb.Claim{
			IntentDigest: digest[:], Intent: ledger.Position{Seq: at, Index: uint32(i)}.Proto(), Executor: x1, Incarnation: make([]byte, 16), Number: uint32(f.intents + i),
		})
		outcomes[i] = encode(f.tb, &pb.Outcome{
			IntentDigest: digest[:], Claim: ledger.Position{Seq: claimed, Index: uint32(i)}.Proto(), Executor: x1, Status: pb.Status_STATUS_EXECUTED,
			Finished: timestamppb.Now(), Head: gov.Head().Proto(),
		})
	}
	if len(claims) > 0 {
		f.list(schemas.KindClaim, "read", "x1", claims)
		f.list(schemas.KindOutcome, "read", "x1", outcomes)
	}
}

func (f *flood) list(kind schemas.Kind, token, by string, items [][]byte) uint64 {
	f.tb.Helper()
	return f.Write(by, kind, token, f.Member(by).List(kind, f.Zone.Ledger, items...))
}

// served is the explorer's routes over a ledger, read by a projection of its own.
func (f *flood) served(remember int) http.Handler {
	f.tb.Helper()
	over := &fabric.Fabric{TrustDomain: trusttest.ID(pb.Role_ROLE_AGENT, "alice").TrustDomain, Zone: feedtest.ZoneName, Ledger: f.Zone.Ledger}
	held := projection.New(projection.Config{
		Fabric: over, Intents: remember, Connect: func(context.Context) (*streams.Conn, error) { return f.Connect("a1"), nil },
	})
	f.tb.Cleanup(held.Close)
	mux := http.NewServeMux()
	for _, route := range lineage.New(over, held).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handle(w, r); err != nil {
				w.WriteHeader(statusOf(err))
				_, _ = w.Write([]byte(err.Error()))
			}
		})
	}
	return mux
}

// ask asks a route and decodes what it answers, if it answers.
func ask(tb testing.TB, h http.Handler, path string, into any) (status, size int) {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/api/v1/lineage/"+path, nil))
	if into != nil && w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
	}
	return w.Code, w.Body.Len()
}
