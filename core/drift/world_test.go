package drift_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// interval is between two heartbeats; the silence that trips is 8 of them.
const interval = time.Second

// world is a ledger with enforcers e1 (required) and e2, executors x1 (read,
// pay) and x2 (read), sentinels s1 and s2 and recorder r1, watched by s1. Broker,
// sentinel and participants share one clock unless a test moves one of them.
type world struct {
	tb    rapid.TB
	zone  *trusttest.Zone
	fold  *ledger.Fold
	watch *drift.Watch
	now   time.Time
	seq   uint64

	parser   ledger.Parser
	tape     []ledger.Raw
	members  map[string]trusttest.Member
	lives    map[string]byte   // incarnation by name
	counters map[string]uint64 // by name and incarnation
	intents  uint64
	claims   uint32
	pulses   uint64
	genesis  *pb.Head // the head after genesis
}

var names = []string{"e1", "e2", "x1", "x2", "s1", "s2", "r1"}

// builds of the members' credentials; others have none.
var builds = map[string]trust.Digest{"x2": trust.DigestOf([]byte("build of x2"))}

func newWorld(tb rapid.TB, mutators ...func(*pb.Release)) *world {
	tb.Helper()
	w := &world{
		tb: tb, zone: trusttest.NewZone(1, 1), now: trusttest.Start,
		members: map[string]trusttest.Member{}, lives: map[string]byte{}, counters: map[string]uint64{},
	}
	for _, name := range names {
		w.members[name], w.lives[name] = members()[name], 1
	}
	w.fold, w.watch = w.fresh()
	w.append(schemas.KindGovernance, "", w.zone.Genesis)
	w.genesis = w.fold.Governance().Head().Proto()
	w.govern(trusttest.Released(w.zone.Release(append([]func(*pb.Release){directory}, mutators...)...)))
	for _, name := range names {
		w.append(schemas.KindCredential, name, w.members[name].Credential)
	}
	w.pulse()
	return w
}

// members are enrolled once: certificates take their time.
var members = sync.OnceValue(func() map[string]trusttest.Member {
	roles := map[byte]pb.Role{'e': pb.Role_ROLE_ENFORCER, 'x': pb.Role_ROLE_EXECUTOR, 's': pb.Role_ROLE_SENTINEL, 'r': pb.Role_ROLE_RECORDER}
	all := make(map[string]trusttest.Member)
	for _, name := range names {
		id := trusttest.ID(roles[name[0]], name)
		all[name] = trusttest.Enroll(trusttest.NewCA().SVID(id), id, trusttest.Key(id.String()), builds[name])
	}
	return all
})

// fresh is a sentinel's process that has read and heard nothing.
func (w *world) fresh() (*ledger.Fold, *drift.Watch) {
	w.parser.Zone = trusttest.ZoneName
	return ledger.NewFold(w.zone.Ledger, nil), drift.NewWatch(drift.Self{ID: w.members["s1"].ID, Incarnation: [16]byte{w.lives["s1"]}})
}

// restart gives s1 a new life, in which it reads the ledger again from a
// position on, having folded what every fold rests on before it.
func (w *world) restart(from uint64) {
	w.tb.Helper()
	w.lives["s1"]++
	w.fold, w.watch = w.fresh()
	for _, raw := range w.tape {
		parsed := w.parser.Parse(raw)
		if raw.Seq < from && parsed.Kind() != schemas.KindGovernance && parsed.Kind() != schemas.KindCredential {
			continue
		}
		rec, err := w.fold.Step(parsed)
		if err != nil {
			w.tb.Fatal(err)
		}
		if raw.Seq >= from {
			w.watch.Record(w.fold, rec, drift.Read(parsed))
		}
	}
}

func directory(r *pb.Release) {
	r.Directory = slices.DeleteFunc(r.GetDirectory(), func(e *pb.Identity) bool { return e.GetRole() != pb.Role_ROLE_AGENT })
	r.Directory = append(r.Directory,
		&pb.Identity{Name: "e1", Role: pb.Role_ROLE_ENFORCER, Required: true},
		&pb.Identity{Name: "e2", Role: pb.Role_ROLE_ENFORCER, Rank: 1},
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x1", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "read"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s1"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s2"),
		trusttest.Entry(pb.Role_ROLE_RECORDER, "r1"),
	)
	r.Bounds.HeartbeatInterval = durationpb.New(interval)
}

// entry changes one entry of the directory.
func entry(name string, change func(*pb.Identity)) func(*pb.Release) {
	return func(r *pb.Release) {
		for _, e := range r.GetDirectory() {
			if e.GetName() == name {
				change(e)
			}
		}
	}
}

// rule sets one drift rule.
func rule(name string, change func(*pb.DriftRule)) func(*pb.Release) {
	return func(r *pb.Release) {
		d := &pb.DriftRule{Rule: name}
		change(d)
		r.Drift = append(r.Drift, d)
	}
}

func (w *world) append(kind schemas.Kind, token string, data []byte) ledger.Record {
	w.tb.Helper()
	w.seq++
	w.tape = append(w.tape, ledger.Raw{Seq: w.seq, Time: w.now, Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data})
	parsed := w.parser.Parse(w.tape[len(w.tape)-1])
	rec, err := w.fold.Step(parsed)
	if err != nil {
		w.tb.Fatalf("%s at %d is noise: %v", kind, w.seq, err)
	}
	w.watch.Record(w.fold, rec, drift.Read(parsed))
	return rec
}

func (w *world) govern(record *pb.Governance) {
	w.tb.Helper()
	w.append(schemas.KindGovernance, "", w.zone.Seal(record))
}

// release puts a next version of the release in force.
func (w *world) release(mutators ...func(*pb.Release)) {
	w.tb.Helper()
	in := w.fold.Governance().Release()
	next := proto.CloneOf(in.Proto)
	next.Version, next.Replaces = next.GetVersion()+1, in.Digest[:]
	for _, mutate := range mutators {
		mutate(next)
	}
	w.govern(trusttest.Released(next))
}

func (w *world) pulse(mutators ...func(*pb.Pulse)) {
	w.tb.Helper()
	gov := w.fold.Governance()
	release := gov.Release().Digest
	w.pulses++
	p := &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: w.members["s1"].SPIFFE(), Incarnation: make([]byte, 16), Counter: w.pulses,
		Head: gov.Head().Proto(), Release: release[:], Clock: timestamppb.New(w.now.Add(time.Duration(w.pulses))),
	}
	for _, mutate := range mutators {
		mutate(p)
	}
	w.append(schemas.KindPulse, "", w.members["s1"].Seal(schemas.KindPulse, w.encode(p)))
}

// beatOf is an honest heartbeat of a participant.
func (w *world) beatOf(name string) *pb.Heartbeat {
	gov := w.fold.Governance()
	release, build := gov.Release().Digest, builds[name]
	key := fmt.Sprint(name, w.lives[name])
	w.counters[key]++
	return &pb.Heartbeat{
		Ledger: w.zone.Ledger[:], Participant: w.members[name].SPIFFE(), Incarnation: append([]byte{w.lives[name]}, make([]byte, 15)...),
		Counter: w.counters[key], Epoch: gov.Epoch(), Release: release[:], Head: gov.Head().Proto(), Position: w.seq,
		BuildDigest: build[:], ConfigDigest: make([]byte, 32), Clock: timestamppb.New(w.now), Started: true,
	}
}

// beat has the sentinel hear a participant, whose heartbeat may be changed.
func (w *world) beat(name string, mutators ...func(*pb.Heartbeat)) {
	w.tb.Helper()
	b := w.beatOf(name)
	for _, mutate := range mutators {
		mutate(b)
	}
	w.hear(name, b)
}

// hear skips the signature, which is the fold's business.
func (w *world) hear(name string, b *pb.Heartbeat) {
	w.tb.Helper()
	from, ok := w.fold.Credential(w.members[name].Key.ID())
	if !ok {
		w.tb.Fatalf("nobody introduced %s", name)
	}
	w.watch.Heartbeat(w.fold, b, from, w.now, w.now)
}

// pass lets intervals pass in which everybody beats and the sentinel pulses, but
// those who are left out. Changes are made to the heartbeats of whom they name.
func (w *world) pass(intervals int, changes map[string]func(*pb.Heartbeat), silent ...string) {
	w.tb.Helper()
	for range intervals {
		w.now = w.now.Add(interval)
		for _, name := range names {
			if slices.Contains(silent, name) {
				continue
			}
			if change := changes[name]; change != nil {
				w.beat(name, change)
			} else {
				w.beat(name)
			}
		}
		w.pulse()
	}
}

// found tells the findings, each as "level rule subject", where SPIFFE IDs are
// names.
func (w *world) found() []string {
	w.tb.Helper()
	all := w.watch.Findings(w.fold, w.now)
	told := make([]string, len(all))
	for i, d := range all {
		told[i] = tell(d)
		w.wellFormed(d)
	}
	return told
}

func tell(d drift.Finding) string {
	subject := d.Subject[strings.LastIndex(d.Subject, "/")+1:]
	return strings.ToLower(strings.TrimPrefix(d.Level.String(), "LEVEL_")) + " " + d.Rule + " " + subject
}

// wellFormed holds what is true of every finding: it fits into a heartbeat and
// into a trip.
func (w *world) wellFormed(d drift.Finding) {
	w.tb.Helper()
	fits := &pb.Finding{Rule: d.Rule, Level: d.Level, Subject: d.Subject, Detail: d.Detail, Since: timestamppb.New(d.Since)}
	if err := schemas.Decode(w.encode(fits), schemas.MaxItem, new(pb.Finding)); err != nil || d.Since.IsZero() || d.Detail == "" || len(d.Scopes) == 0 {
		w.tb.Fatalf("finding %+v: %v", d, err)
	}
}

func (w *world) wantFound(want ...string) {
	w.tb.Helper()
	if got := w.found(); !slices.Equal(got, want) {
		w.tb.Errorf("found %q, want %q", got, want)
	}
}

// scopes are those that the trips of a rule would have.
func (w *world) scopes(rule string) []string {
	var all []string
	for _, d := range w.watch.Findings(w.fold, w.now) {
		for _, s := range d.Scopes {
			if d.Rule == rule {
				all = append(all, strings.TrimPrefix(s.GetKind().String(), "SCOPE_KIND_")+" "+s.GetValue()[strings.LastIndex(s.GetValue(), "/")+1:])
			}
		}
	}
	return all
}

// trip appends every trip that is called for, as a sentinel does, and reports how
// many there were.
func (w *world) trip() (n int) {
	w.tb.Helper()
	for _, d := range w.watch.Findings(w.fold, w.now) {
		if d.Level != pb.Level_LEVEL_TRIP {
			continue
		}
		for _, scope := range d.Uncovered(w.fold.Governance()) {
			record := &pb.Governance{Record: &pb.Governance_Trip{Trip: &pb.Trip{Rule: d.Rule, Scope: scope, Detail: d.Detail, Subject: d.Subject}}}
			w.append(schemas.KindGovernance, "", w.zone.Seal(record, w.members["s1"].Key))
			n++
		}
	}
	return n
}

// resume lifts everything.
func (w *world) resume() {
	w.tb.Helper()
	var ids []trust.Digest
	for _, h := range w.fold.Governance().Halts() {
		ids = append(ids, h.ID)
	}
	w.govern(trusttest.Resume(ids...))
}

// request is an intent in name only: no rule reads intents.
type request struct {
	digest   trust.Digest
	at       ledger.Position
	tool     string
	deadline time.Time
}

func (w *world) request() request {
	w.intents++
	w.seq++
	return request{trust.DigestOf(fmt.Append(nil, w.intents)), ledger.Position{Seq: w.seq}, "read", w.now.Add(10 * time.Second)}
}

func agent(name string) string { return trusttest.ID(pb.Role_ROLE_AGENT, name).String() }

// decide records an enforcer's ALLOW, which may be changed.
func (w *world) decide(by string, r request, mutators ...func(*pb.Decision)) {
	w.tb.Helper()
	gov := w.fold.Governance()
	release := gov.Release().Digest
	d := &pb.Decision{
		Intent: r.at.Proto(), IntentDigest: r.digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: gov.Epoch(), Release: release[:],
		Deadline: timestamppb.New(r.deadline), LogTime: timestamppb.New(w.now), Agent: agent("alice"), Session: "main", Tool: r.tool, SessionSequence: 1,
	}
	for _, mutate := range mutators {
		mutate(d)
	}
	w.append(schemas.KindDecision, d.GetTool(), w.members[by].List(schemas.KindDecision, w.zone.Ledger, w.encode(d)))
}

// claim records an executor's claim and returns where it stands.
func (w *world) claim(by string, r request) ledger.Position {
	w.tb.Helper()
	w.claims++
	c := &pb.Claim{IntentDigest: r.digest[:], Intent: r.at.Proto(), Executor: w.members[by].SPIFFE(), Incarnation: make([]byte, 16), Number: w.claims}
	rec := w.append(schemas.KindClaim, r.tool, w.members[by].List(schemas.KindClaim, w.zone.Ledger, w.encode(c)))
	return ledger.Position{Seq: rec.Seq}
}

// allowed is a request with a decision and x1's valid claim.
func (w *world) allowed() (request, ledger.Position) {
	w.tb.Helper()
	r := w.request()
	w.decide("e1", r)
	return r, w.claim("x1", r)
}

// report records an outcome, which may be changed.
func (w *world) report(by string, r request, claim ledger.Position, mutators ...func(*pb.Outcome)) {
	w.tb.Helper()
	o := &pb.Outcome{
		IntentDigest: r.digest[:], Claim: claim.Proto(), Status: pb.Status_STATUS_EXECUTED, Finished: timestamppb.New(trusttest.Start),
		Head: w.fold.Governance().Head().Proto(), Executor: w.members[by].SPIFFE(),
	}
	for _, mutate := range mutators {
		mutate(o)
	}
	w.append(schemas.KindOutcome, r.tool, w.members[by].List(schemas.KindOutcome, w.zone.Ledger, w.encode(o)))
}

func (w *world) encode(m proto.Message) []byte {
	w.tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		w.tb.Fatal(err)
	}
	return data
}
