package zone_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// longest is the deadline of an intent that does not care, within what the
// release allows.
const longest = 55 * time.Second

// handmade is an intent made by hand: what the SDK would never do can be done.
type handmade struct {
	signer  string // whose key and connection
	content *pb.Intent
	item    []byte
	digest  trust.Digest
	list    []byte // the envelope that it was in last
}

func (w *stage) introduce(names []string) {
	for _, name := range names {
		w.append(name, schemas.Subject("home", schemas.KindCredential, name), w.member(name).Credential)
	}
}

// propose asks through the SDK and tells what the agent heard.
func (w *stage) propose(words []string) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	out, err := w.sdk(words[0]).Propose(ctx, w.request(words))
	w.must(ctx.Err())
	w.hear(words[0], out, err)
}

// evaluate asks through the SDK for a decision only.
func (w *stage) evaluate(words []string) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	release, err := w.fabric.Release()
	w.must(err)
	e, err := w.sdk(words[0]).Evaluate(ctx, w.request(words), int(release.Proto.GetDecisionThreshold()))
	w.must(err)
	said := "DENY"
	if e.Allowed {
		said = "ALLOW"
	}
	for _, r := range e.Reasons {
		said += " " + schemas.ReasonCode(r)
	}
	w.note("%s hears: %s", words[0], said)
}

func (w *stage) sdk(name string) *agent.Agent {
	if w.agents[name] == nil {
		a, conn, err := w.zone.Agent(w.t.Context(), name)
		w.must(err)
		w.t.Cleanup(func() { a.Close(); conn.Close() })
		w.agents[name] = a
	}
	return w.agents[name]
}

func (w *stage) request(words []string) agent.Request {
	arguments, o := options(words[3:])
	return agent.Request{Tool: words[1], Resource: words[2], Arguments: arguments, Timeout: w.duration(o["within"], longest)}
}

func (w *stage) hear(name string, out *agent.Outcome, err error) {
	var refused *agent.Refused
	var not *agent.NotExecuted
	switch {
	case err == nil:
		w.note("%s hears: EXECUTED, %q", name, out.Result)
	case errors.As(err, &refused):
		w.note("%s hears: refused", name)
		for line := range strings.Lines(refused.Explanation) {
			w.note("  | %s", strings.TrimSpace(line))
		}
	case errors.As(err, &not):
		w.note("%s hears: %s, %s", name, strings.TrimPrefix(not.Status.String(), "STATUS_"), schemas.ReasonCode(not.Reason))
	default:
		w.note("%s hears: nothing (%T)", name, err)
	}
}

func (w *stage) note(format string, args ...any) {
	w.change(func() { w.aside = append(w.aside, fmt.Sprintf(format, args...)) })
}

func (w *stage) draft(words []string) {
	name, signer := words[0], words[1]
	arguments, o := options(words[4:])
	session := orElse(o["session"], "by-hand")
	in := &pb.Intent{
		Agent: w.member(orElse(o["for"], signer)).ID.String(), Session: session, Sequence: 1,
		Tool: words[2], Action: words[2], Resource: words[3], Arguments: arguments,
		Deadline: timestamppb.New(time.Now().Add(w.duration(o["within"], longest))),
	}
	if before := w.sessions[signer+"#"+session]; before != nil {
		in.Sequence, in.Previous = before.content.GetSequence()+1, before.digest[:]
	}
	in.Sequence = uint64(w.number(o["sequence"], int(in.GetSequence())))
	if previous, given := o["previous"]; given {
		in.Previous = nil
		if previous != "" {
			in.Previous = w.named(previous).digest[:]
		}
	}
	id, err := uuid.NewV7()
	w.must(err)
	_, in.Evaluation = o["evaluation"]
	sum := trust.DigestOf(in.GetArguments())
	in.Id, in.ArgumentsDigest = id[:], sum[:]
	item, err := schemas.Marshal(in)
	w.must(err)
	made := &handmade{signer: signer, content: in, item: item, digest: trust.DigestOf(item)}
	w.intents[name], w.sessions[signer+"#"+session] = made, made
}

func (w *stage) intent(words []string) {
	w.draft(words)
	w.list(words[:1])
}

func (w *stage) list(names []string) {
	items := make([][]byte, len(names))
	for i, name := range names {
		items[i] = w.named(name).item
	}
	signer := w.named(names[0]).signer
	data, err := trust.SealList(schemas.KindIntent, w.fabric.Ledger, items, w.member(signer).Key)
	w.must(err)
	for _, name := range names {
		w.named(name).list = data
	}
	w.append(signer, schemas.Subject("home", schemas.KindIntent, signer), data)
}

func (w *stage) again(names []string) {
	in := w.named(names[0])
	w.append(in.signer, schemas.Subject("home", schemas.KindIntent, in.signer), in.list)
}

// junk signs and appends what its author should not have.
func (w *stage) junk(words []string) {
	w.draft([]string{words[0], words[1], "file-read", "public/welcome.txt", "path=public/welcome.txt", "@session=junk", "@sequence=1", "@previous="})
	in, list := w.named(words[0]), &pb.List{Ledger: w.fabric.Ledger[:]}
	var raw []byte // instead of a list
	switch words[2] {
	case "payload": // is no list at all
		raw = []byte("junk")
	case "ledger": // is another one
		list.Ledger = in.digest[:]
	case "item": // is no intent
		in.item = []byte("no intent") // not the bytes of "payload": they would share a digest
	case "oversized":
		in.item = bytes.Repeat([]byte{1}, schemas.MaxIntent+1)
	case "invalid": // breaks a rule of the schema
		in.content.Id = []byte("too short")
		in.item = w.marshal(in.content)
	case "digest": // is not that of the arguments
		in.content.ArgumentsDigest = list.GetLedger()
		in.item = w.marshal(in.content)
	default:
		w.t.Fatalf("%s: unknown junk", w.where)
	}
	in.digest, list.Items = trust.DigestOf(in.item), [][]byte{in.item}
	if raw == nil {
		raw = w.marshal(list)
	}
	if words[2] == "payload" || words[2] == "ledger" {
		in.digest = trust.DigestOf(raw) // the list is decided as a whole
	}
	data, err := trust.Seal(schemas.KindIntent.PayloadType(), raw, w.member(in.signer).Key)
	w.must(err)
	w.append(in.signer, schemas.Subject("home", schemas.KindIntent, in.signer), data)
}

func (w *stage) marshal(m proto.Message) []byte {
	w.t.Helper()
	data, err := proto.Marshal(m)
	w.must(err)
	return data
}

// tamper changes an intent's arguments and leaves the signature as it was.
func (w *stage) tamper(words []string) {
	in := w.named(words[0])
	changed := proto.CloneOf(in.content)
	changed.Arguments, _ = options(words[1:])
	sum := trust.DigestOf(changed.GetArguments())
	changed.ArgumentsDigest = sum[:]
	item, err := schemas.Marshal(changed)
	w.must(err)
	var env pb.Envelope
	w.must(proto.Unmarshal(in.list, &env))
	env.Payload, err = proto.Marshal(&pb.List{Ledger: w.fabric.Ledger[:], Items: [][]byte{item}})
	w.must(err)
	data, err := proto.Marshal(&env)
	w.must(err)
	w.append(in.signer, schemas.Subject("home", schemas.KindIntent, in.signer), data)
}

// decide signs the newest recorded decision on an intent with another verdict.
func (w *stage) decide(words []string) {
	d := permit.ReadDecision(w.itemAbout(schemas.KindDecision, words[1]))
	switch words[2] {
	case "allow":
		d.Verdict, d.Reasons = pb.Verdict_VERDICT_ALLOW, nil
	case "deny":
		d.Verdict, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, []pb.Reason{pb.Reason_REASON_POLICY_FORBIDDEN}
	default:
		w.t.Fatalf("%s: allow or deny", w.where)
	}
	item, err := verdict.Encode(d)
	w.must(err)
	w.appendItem(words[0], schemas.KindDecision, verdict.Subject(d), item)
}

// claim bids as an executor that is not the running one.
func (w *stage) claim(words []string) {
	in := w.named(words[1])
	item, err := schemas.Marshal(&pb.Claim{
		IntentDigest: in.digest[:], Intent: w.standsAt(in).Proto(),
		Executor: w.member(words[0]).ID.String(), Incarnation: []byte("another start of"),
	})
	w.must(err)
	w.appendItem(words[0], schemas.KindClaim, in.content.GetTool(), item)
}

// report says that an action was executed under the newest claim on its intent.
func (w *stage) report(words []string) {
	in, claim := w.named(words[1]), w.lineAbout("claim", words[1])
	w.mu.Lock()
	head := w.head.Proto()
	w.mu.Unlock()
	item, err := schemas.Marshal(&pb.Outcome{
		IntentDigest: in.digest[:], Claim: ledger.Position(claim.Position).Proto(), Status: pb.Status_STATUS_EXECUTED,
		Started: timestamppb.Now(), Finished: timestamppb.Now(), Executor: w.member(words[0]).ID.String(),
		Head: head,
	})
	w.must(err)
	w.appendItem(words[0], schemas.KindOutcome, in.content.GetTool(), item)
}

func (w *stage) approve(words []string) { w.answer(words[0], words[1], true) }

func (w *stage) refuse(words []string) { w.answer(words[0], words[1], false) }

func (w *stage) answer(name, intent string, approve bool) {
	in := w.named(intent)
	payload, err := schemas.Marshal(&pb.Approval{
		Ledger: w.fabric.Ledger[:], IntentDigest: in.digest[:], Approver: w.member(name).ID.String(), Approve: approve,
	})
	w.must(err)
	data, err := trust.Seal(schemas.KindApproval.PayloadType(), payload, w.member(name).Key)
	w.must(err)
	w.append(name, schemas.Subject("home", schemas.KindApproval, ""), data)
}

func (w *stage) govern(words []string) {
	record := &pb.Governance{}
	switch words[0] {
	case "halt":
		kind, value, _ := strings.Cut(words[1], ":")
		scope := &pb.Scope{Kind: pb.ScopeKind(pb.ScopeKind_value["SCOPE_KIND_"+strings.ToUpper(kind)]), Value: value}
		record.Record = &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: strings.Join(words[2:], " ")}}
	case "resume":
		resume := &pb.Resume{Reason: strings.Join(words[1:], " ")}
		for _, id := range w.halts() {
			resume.Halts = append(resume.Halts, id[:])
		}
		record.Record = &pb.Governance_Resume{Resume: resume}
	case "revoke":
		record.Record = &pb.Governance_Revoke{Revoke: &pb.Revoke{
			Subject: &pb.Revoke_SpiffeId{SpiffeId: w.member(words[1]).ID.String()}, Reason: strings.Join(words[2:], " "),
		}}
	default:
		w.t.Fatalf("%s: halt, resume or revoke", w.where)
	}
	data, err := w.fabric.SignGovernance(record)
	w.must(err)
	w.append("g1", schemas.Subject("home", schemas.KindGovernance, ""), data)
}

// halts lists the halts on the ledger that no resume has named.
func (w *stage) halts() (ids []trust.Digest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lines {
		switch g := l.Governance; {
		case g == nil:
		case g.Record == "halt" || g.Record == "trip":
			id, err := trust.ParseDigest(g.ID)
			w.must(err)
			ids = append(ids, id)
		case g.Record == "resume":
			ids = slices.DeleteFunc(ids, func(id trust.Digest) bool { return slices.Contains(g.Halts, id.String()) })
		}
	}
	return ids
}

func (w *stage) copied(words []string) {
	line := w.lineAbout(words[0], words[1])
	w.mu.Lock()
	data := w.raws[line.Position.Seq]
	w.mu.Unlock()
	w.append(words[2], "fabric.home."+words[3], data)
}

func (w *stage) send(words []string) {
	w.append(words[0], "fabric.home."+words[1], []byte(strings.Join(words[2:], " ")))
}

// append appends a record and waits until the watcher has read it.
func (w *stage) append(name, subject string, data []byte) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	seq, err := w.conn(name).Append(ctx, subject, data)
	if errors.Is(err, streams.ErrRefused) {
		w.note("the broker refuses %s's message on %s", name, subject)
		return
	}
	w.must(err)
	w.until("record", func() bool { return w.seen >= seq })
}

func (w *stage) appendItem(name string, kind schemas.Kind, token string, item []byte) {
	w.t.Helper()
	data, err := trust.SealList(kind, w.fabric.Ledger, [][]byte{item}, w.member(name).Key)
	w.must(err)
	w.append(name, schemas.Subject("home", kind, token), data)
}
