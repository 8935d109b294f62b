package evidence_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world writes a ledger as honest participants do: agent alice asks, enforcer e1
// decides, executor x1 acts, sentinel s1 pulses, recorder r1 signs.
type world struct {
	tb      testing.TB
	zone    *trusttest.Zone
	parser  ledger.Parser
	fold    *ledger.Fold
	replica *verdict.Replica
	edge    lineage.Edge
	now     time.Time
	frames  []evidence.Frame
	entries [][]byte // of the tree
	last    map[string]trust.Digest
	seq     map[string]uint64
	made    uint64
	sealing *trust.SealingKey  // arguments are sealed to it; nil for none
	opens   *trust.SealingKeys // what the enforcer holds
}

var roles = map[string]pb.Role{
	"alice": pb.Role_ROLE_AGENT, "e1": pb.Role_ROLE_ENFORCER, "x1": pb.Role_ROLE_EXECUTOR, "s1": pb.Role_ROLE_SENTINEL,
}

// members are enrolled once: certificates take their time.
var members = sync.OnceValue(func() map[string]trusttest.Member {
	all := make(map[string]trusttest.Member)
	for name, role := range roles {
		all[name] = trusttest.NewMember(role, name)
	}
	return all
})

// logKeys are r1's.
var logKeys = sync.OnceValue(func() *trust.LogKeys {
	var text strings.Builder
	for _, algorithm := range []byte{0x01, 0x06} {
		seed := trust.DigestOf([]byte{algorithm})
		text.WriteString("PRIVATE+KEY+" + base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed[:]...)) + "\n")
	}
	keys, err := trust.ParseLogKeys([]byte(text.String()))
	if err != nil {
		panic(err)
	}
	return keys
})

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return newSealingWorld(tb, nil)
}

// newSealingWorld is one whose release lists a sealing key, which the enforcer
// holds.
func newSealingWorld(tb testing.TB, key *trust.SealingKey) *world {
	tb.Helper()
	keys := ledger.NewKeys()
	w := &world{
		tb: tb, zone: trusttest.NewZone(1, 1), now: trusttest.Start, last: map[string]trust.Digest{}, seq: map[string]uint64{},
		parser: ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, replica: verdict.NewReplica(verdict.ReplicaConfig{}),
	}
	w.fold = ledger.NewFold(w.zone.Ledger, keys)
	if key != nil {
		opens, err := trust.NewSealingKeys(key)
		must(tb, err)
		w.opens = opens
	}
	w.append(schemas.KindGovernance, "", w.zone.Genesis)
	w.append(schemas.KindGovernance, "", w.zone.Seal(trusttest.Released(w.zone.Release(func(r *pb.Release) {
		for _, p := range r.GetDirectory() {
			if p.GetRole() == pb.Role_ROLE_RECORDER {
				p.LogKeys = logKeys().Public()
			}
		}
		r.Policies = []*pb.PolicySource{{Name: "zone.cedar", Text: `@id("reading") permit (principal, action == Action::"read", resource);`}}
		r.Bounds.MaxSessions = 256
		r.Bounds.Memory = durationpb.New(2 * time.Minute)
		if key != nil {
			r.SealingKeys = []*pb.SealingKey{key.SealTo().Proto()}
		}
	}))))
	for _, name := range []string{"alice", "e1", "x1", "s1"} {
		w.append(schemas.KindCredential, name, members()[name].Credential)
	}
	w.pulse()
	return w
}

// put stores bytes that may be anything, as the broker would.
func (w *world) put(raw ledger.Raw) []verdict.Derived {
	w.tb.Helper()
	w.now = w.now.Add(time.Millisecond)
	raw.Seq = uint64(len(w.entries)) + 1
	if raw.Subject != "" {
		raw.Time = w.now
	}
	rec, noise := w.fold.Step(w.parser.Parse(raw))
	entry := lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: w.fold.LogTime(), Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}
	w.entries = append(w.entries, entry.Bytes())
	w.edge.Append(entry.Leaf())
	w.frames = append(w.frames, evidence.Frame{Kind: evidence.FrameRecord, Raw: raw})
	if noise != nil {
		return nil
	}
	contents := make([]verdict.Content, len(rec.Items))
	for i, item := range rec.Items {
		contents[i] = verdict.Reader{Ledger: w.zone.Ledger, Keys: w.opens}.Read(item.Bytes)
	}
	all, err := w.replica.Step(w.fold, rec, contents)
	must(w.tb, err)
	return all
}

func (w *world) append(kind schemas.Kind, token string, data []byte) []verdict.Derived {
	w.tb.Helper()
	return w.put(ledger.Raw{Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data})
}

// foreign stores junk that came with headers of its own.
func (w *world) foreign() { w.put(ledger.Raw{Data: []byte("junk")}) }

func (w *world) size() uint64 { return uint64(len(w.entries)) }

func (w *world) pulse() {
	w.tb.Helper()
	w.made++
	gov := w.fold.Governance()
	release := gov.Release().Digest
	w.append(schemas.KindPulse, "", members()["s1"].Seal(schemas.KindPulse, encode(w.tb, &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: members()["s1"].SPIFFE(), Incarnation: make([]byte, 16), Counter: w.made,
		Head: gov.Head().Proto(), Release: release[:], Clock: timestamppb.New(w.now.Add(time.Millisecond)),
	})))
}

func (w *world) list(kind schemas.Kind, token, by string, items [][]byte) []verdict.Derived {
	w.tb.Helper()
	return w.append(kind, token, members()[by].List(kind, w.zone.Ledger, items...))
}

// act takes n intents of as many sessions from proposal to outcome, in lists.
func (w *world) act(n int) {
	w.tb.Helper()
	intents, decisions, claims, outcomes := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	empty := trust.DigestOf([]byte("{}"))
	for i := range n {
		w.made++
		session := fmt.Sprintf("session-%d", i)
		in := &pb.Intent{
			Id: fmt.Appendf(nil, "intent %9d", w.made), Agent: members()["alice"].SPIFFE(), Session: session, Sequence: w.seq[session] + 1,
			Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte("{}"), ArgumentsDigest: empty[:],
			Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
		}
		if before, ok := w.last[session]; ok {
			in.Previous = before[:]
		}
		if w.sealing != nil {
			must(w.tb, trust.SealArguments(w.sealing.SealTo(), w.zone.Ledger, in, []byte("{}")))
		}
		intents[i] = encode(w.tb, in)
		w.last[session], w.seq[session] = trust.DigestOf(intents[i]), in.GetSequence()
	}
	derived := w.list(schemas.KindIntent, "alice", "alice", intents)
	if len(derived) != n {
		w.tb.Fatalf("%d of %d intents are decided", len(derived), n)
	}
	for i, d := range derived {
		if d.Decision.GetVerdict() != pb.Verdict_VERDICT_ALLOW {
			w.tb.Fatalf("denied: %s", d.Explain())
		}
		decisions[i] = d.Data
	}
	w.list(schemas.KindDecision, "read", "e1", decisions)
	claimed := w.size() + 1
	for i, d := range derived {
		claims[i] = encode(w.tb, &pb.Claim{
			IntentDigest: d.Decision.GetIntentDigest(), Intent: d.Decision.GetIntent(), Executor: members()["x1"].SPIFFE(), Incarnation: make([]byte, 16), Number: uint32(i + 1),
		})
		outcomes[i] = encode(w.tb, &pb.Outcome{
			IntentDigest: d.Decision.GetIntentDigest(), Claim: ledger.Position{Seq: claimed, Index: uint32(i)}.Proto(), Status: pb.Status_STATUS_EXECUTED,
			Started: timestamppb.New(w.now.Add(time.Millisecond)), Finished: timestamppb.New(w.now.Add(2 * time.Millisecond)),
			Head: w.fold.Governance().Head().Proto(), Executor: members()["x1"].SPIFFE(),
		})
	}
	w.list(schemas.KindClaim, "read", "x1", claims)
	w.list(schemas.KindOutcome, "read", "x1", outcomes)
}

// acts are n rounds of act, with pulses often enough.
func (w *world) acts(n, size int) *world {
	w.tb.Helper()
	for i := range n {
		if w.act(size); i%64 == 63 {
			w.pulse()
		}
	}
	return w
}

// sign makes a checkpoint of the tree as it stands.
func (w *world) sign() []byte {
	w.tb.Helper()
	c := lineage.Checkpoint{Origin: lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, 0), Size: w.edge.Size(), Root: w.edge.Root()}
	signer, err := logKeys().Signer(c.Origin)
	must(w.tb, err)
	note, err := signer.Sign(c.String(), w.now)
	must(w.tb, err)
	return note
}

// checkpoint puts a signed checkpoint behind the newest record.
func (w *world) checkpoint() *world {
	w.tb.Helper()
	w.frames = append(w.frames, evidence.Frame{Kind: evidence.FrameCheckpoint, Note: w.sign()})
	return w
}

func (w *world) header() evidence.Header {
	return evidence.Header{
		Extent: evidence.Whole, Ledger: w.zone.Ledger, TrustDomain: trusttest.TrustDomain, Zone: trusttest.ZoneName, First: 1, Made: trusttest.Start,
	}
}

// export is the ledger as a file.
func (w *world) export() []byte {
	w.tb.Helper()
	return written(w.tb, w.header(), w.frames)
}

func written(tb testing.TB, h evidence.Header, frames []evidence.Frame) []byte {
	tb.Helper()
	var b bytes.Buffer
	_, err := evidence.Write(&b, h, framesOf(frames))
	must(tb, err)
	return b.Bytes()
}

func framesOf(frames []evidence.Frame) iter.Seq2[evidence.Frame, error] {
	return func(yield func(evidence.Frame, error) bool) {
		for _, f := range frames {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// read reads a whole source.
func read(s evidence.Source) (frames []evidence.Frame, err error) {
	for f, err := range s.Frames() {
		if err != nil {
			return frames, err
		}
		f.End = 0
		frames = append(frames, f)
	}
	return frames, nil
}

func readBytes(data []byte) (evidence.Header, []evidence.Frame, error) {
	r, err := evidence.NewReader(bytes.NewReader(data))
	if err != nil {
		return evidence.Header{}, nil, err
	}
	frames, err := read(r)
	return r.Header(), frames, err
}

func sameFrames(a, b []evidence.Frame) bool {
	return slices.EqualFunc(a, b, func(a, b evidence.Frame) bool {
		return a.Kind == b.Kind && a.Raw.Seq == b.Raw.Seq && a.Raw.Time.Equal(b.Raw.Time) && a.Raw.Subject == b.Raw.Subject &&
			bytes.Equal(a.Raw.Data, b.Raw.Data) && bytes.Equal(a.Note, b.Note)
	})
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	must(tb, err)
	return data
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
