package verdict_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	payloadMalformed    = pb.Reason_REASON_PAYLOAD_MALFORMED
	intentMalformed     = pb.Reason_REASON_INTENT_MALFORMED
	intentOversized     = pb.Reason_REASON_INTENT_OVERSIZED
	intentInvalid       = pb.Reason_REASON_INTENT_INVALID
	intentForged        = pb.Reason_REASON_INTENT_FORGED
	argumentsDigest     = pb.Reason_REASON_ARGUMENTS_DIGEST
	argumentsSealed     = pb.Reason_REASON_ARGUMENTS_SEALED
	argumentsInvalid    = pb.Reason_REASON_ARGUMENTS_INVALID
	agentUnknown        = pb.Reason_REASON_AGENT_UNKNOWN
	agentRevoked        = pb.Reason_REASON_AGENT_REVOKED
	credentialExpired   = pb.Reason_REASON_CREDENTIAL_EXPIRED
	buildUnattested     = pb.Reason_REASON_BUILD_UNATTESTED
	toolUnknown         = pb.Reason_REASON_TOOL_UNKNOWN
	toolDefinition      = pb.Reason_REASON_TOOL_DEFINITION
	toolForbidden       = pb.Reason_REASON_TOOL_FORBIDDEN
	actionMismatch      = pb.Reason_REASON_ACTION_MISMATCH
	sessionGap          = pb.Reason_REASON_SESSION_GAP
	sessionFork         = pb.Reason_REASON_SESSION_FORK
	sessionEquivocation = pb.Reason_REASON_SESSION_EQUIVOCATION
	sessionLimit        = pb.Reason_REASON_SESSION_LIMIT
	deadlinePassed      = pb.Reason_REASON_DEADLINE_PASSED
	deadlineFar         = pb.Reason_REASON_DEADLINE_FAR
	halted              = pb.Reason_REASON_HALTED
	releaseExpired      = pb.Reason_REASON_RELEASE_EXPIRED
	limitExceeded       = pb.Reason_REASON_LIMIT_EXCEEDED
	delegationInvalid   = pb.Reason_REASON_DELEGATION_INVALID
	policyInvalid       = pb.Reason_REASON_POLICY_INVALID
	policyDefaultDeny   = pb.Reason_REASON_POLICY_DEFAULT_DENY
	policyForbidden     = pb.Reason_REASON_POLICY_FORBIDDEN
	policyError         = pb.Reason_REASON_POLICY_ERROR
	approvalPending     = pb.Reason_REASON_APPROVAL_PENDING
	approvalRefused     = pb.Reason_REASON_APPROVAL_REFUSED
)

var pinnedDefinition = trust.DigestOf([]byte("a tool's definition"))

func pinned(p *pb.Release) { pinAll(p, pinnedDefinition[:]) }

func pinAll(p *pb.Release, definition []byte) {
	for _, t := range p.GetTools() {
		t.DefinitionDigest = definition
	}
}

// reasonCases are intents that are denied for exactly the reasons that they
// name, by a real fold of real records.
var reasonCases = []struct {
	name    string
	release []func(*pb.Release)
	act     func(w *world) *pb.Decision
	want    []pb.Reason
}{
	{"all well", nil, func(w *world) *pb.Decision { return w.ask(w.alice) }, nil},
	{"a payment", nil, func(w *world) *pb.Decision { return w.ask(w.alice, pay(5)) }, nil},

	{"payload is no list", nil, func(w *world) *pb.Decision {
		return w.unreadable(w.alice, w.alice.Seal(schemas.KindIntent, []byte("not a list")))
	}, []pb.Reason{payloadMalformed}},
	{"list for another ledger", nil, func(w *world) *pb.Decision {
		return w.unreadable(w.alice, w.alice.List(schemas.KindIntent, trust.DigestOf([]byte("elsewhere")), encode(w.tb, w.intent(w.alice))))
	}, []pb.Reason{payloadMalformed}},
	{"payload is no list, of a stranger, after the release's end", nil, func(w *world) *pb.Decision {
		w.now = w.now.Add(trusttest.ReleaseLife)
		return w.unreadable(w.carol, w.carol.Seal(schemas.KindIntent, []byte("not a list")))
	}, []pb.Reason{payloadMalformed, agentUnknown, releaseExpired}},

	{"item is no message", nil, func(w *world) *pb.Decision { return w.propose(w.alice, []byte{0xff})[0] }, []pb.Reason{intentMalformed}},
	{"item is empty", nil, func(w *world) *pb.Decision { return w.propose(w.alice, nil)[0] }, []pb.Reason{intentInvalid}},
	{"item with an unknown field", nil, func(w *world) *pb.Decision {
		return w.propose(w.alice, append(encode(w.tb, w.intent(w.alice)), 0xf8, 0x07, 0x01))[0]
	}, []pb.Reason{intentMalformed}},
	{"item over 64 KiB", nil, func(w *world) *pb.Decision {
		return w.propose(w.alice, bytes.Repeat([]byte{0}, schemas.MaxIntent+1))[0]
	}, []pb.Reason{intentOversized}},
	{"session of forbidden characters", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, session("a b"))
	}, []pb.Reason{intentInvalid}},
	{"deadline that is no time", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) {
			in.Deadline = &timestamppb.Timestamp{Seconds: in.GetDeadline().GetSeconds(), Nanos: -1}
		})
	}, []pb.Reason{intentInvalid}},
	{"forged", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Agent = w.bob.SPIFFE() })
	}, []pb.Reason{intentForged}},
	{"arguments of another digest", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.ArgumentsDigest = make([]byte, 32) })
	}, []pb.Reason{argumentsDigest}},
	{"arguments sealed to a key of no release", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, w.sealed(boxKey))
	}, []pb.Reason{argumentsSealed}},
	{"arguments neither sealed nor there", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, arguments(""))
	}, []pb.Reason{intentInvalid}},
	{"undeclared argument", nil, func(w *world) *pb.Decision { return w.ask(w.alice, arguments(`{"mode":"x"}`)) }, []pb.Reason{argumentsInvalid}},
	{"undeclared context", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Context = []byte(`{"mode":"x"}`) })
	}, []pb.Reason{argumentsInvalid}},
	{"no resource", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Resource = "" })
	}, []pb.Reason{argumentsInvalid}},

	{"not in the directory", nil, func(w *world) *pb.Decision { return w.ask(w.carol) }, []pb.Reason{agentUnknown, toolForbidden}},
	{"removed from the directory", nil, func(w *world) *pb.Decision {
		w.release(without("alice"))
		return w.ask(w.alice)
	}, []pb.Reason{agentUnknown, toolForbidden}},
	{"key revoked", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.RevokeKey(w.alice.Key.ID()))
		return w.ask(w.alice)
	}, []pb.Reason{agentRevoked}},
	{"identity revoked", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.RevokeIdentity(w.alice.ID))
		return w.ask(w.alice)
	}, []pb.Reason{agentRevoked}},
	{"credential expired", []func(*pb.Release){func(p *pb.Release) {
		p.Expires = timestamppb.New(trusttest.Start.Add(2 * trusttest.SVIDLife))
	}}, func(w *world) *pb.Decision {
		w.now = w.now.Add(trusttest.SVIDLife)
		return w.ask(w.alice)
	}, []pb.Reason{credentialExpired}},
	{
		"another build",
		[]func(*pb.Release){alicesEntry(func(e *pb.Identity) { e.Builds = [][]byte{bytes.Repeat([]byte{7}, 32)} })},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{buildUnattested},
	},

	{"tool of no registry", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Tool = "fly" })
	}, []pb.Reason{toolUnknown}},
	{
		"tool not granted",
		[]func(*pb.Release){alicesEntry(func(e *pb.Identity) { e.Tools = []string{"pay"} })},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{toolForbidden},
	},
	{"action of another tool", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Action = "pay" })
	}, []pb.Reason{actionMismatch}},
	{"the definition that is pinned", []func(*pb.Release){pinned}, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.DefinitionDigest = pinnedDefinition[:] })
	}, nil},
	{"another definition than is pinned", []func(*pb.Release){pinned}, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.DefinitionDigest = make([]byte, 32) })
	}, []pb.Reason{toolDefinition}},
	{"no definition where one is pinned", []func(*pb.Release){pinned}, func(w *world) *pb.Decision {
		return w.ask(w.alice)
	}, []pb.Reason{toolDefinition}},
	{"a definition where none is pinned", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.DefinitionDigest = pinnedDefinition[:] })
	}, []pb.Reason{toolDefinition}},
	{"a pin that is no digest, and its like", []func(*pb.Release){func(p *pb.Release) { pinAll(p, pinnedDefinition[:4]) }}, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.DefinitionDigest = pinnedDefinition[:] })
	}, []pb.Reason{toolDefinition}},

	{"sequence left out", nil, func(w *world) *pb.Decision {
		w.ask(w.alice)
		head := w.digests["alice#main"]
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence, in.Previous = 3, head[:] })
	}, []pb.Reason{sessionGap}},
	{"first is not number 1", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence = 2 })
	}, []pb.Reason{sessionGap}},
	{"first names a previous one", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence, in.Previous = 1, make([]byte, 32) })
	}, []pb.Reason{sessionFork}},
	{"second names another", nil, func(w *world) *pb.Decision {
		w.ask(w.alice)
		return w.ask(w.alice, func(in *pb.Intent) { in.Previous = bytes.Repeat([]byte{1}, 32) })
	}, []pb.Reason{sessionFork}},
	{"second names none", nil, func(w *world) *pb.Decision {
		w.ask(w.alice)
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence = 2 })
	}, []pb.Reason{sessionFork}},
	{"second names half a digest", nil, func(w *world) *pb.Decision {
		w.ask(w.alice)
		head := w.digests["alice#main"]
		return w.ask(w.alice, func(in *pb.Intent) { in.Previous = head[:16] })
	}, []pb.Reason{sessionFork}},
	{"another at a used sequence", nil, func(w *world) *pb.Decision {
		w.ask(w.alice)
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence = 1 })
	}, []pb.Reason{sessionEquivocation}},
	{"too many sessions", []func(*pb.Release){bounds(func(b *pb.Bounds) { b.MaxSessions = 2 })}, func(w *world) *pb.Decision {
		w.ask(w.alice, session("one"))
		w.ask(w.alice, session("two"))
		return w.ask(w.alice, session("three"))
	}, []pb.Reason{sessionLimit}},

	{"deadline at log time", nil, func(w *world) *pb.Decision { return w.ask(w.alice, deadline(w.now)) }, []pb.Reason{deadlinePassed}},
	{"deadline long ago", nil, func(w *world) *pb.Decision { return w.ask(w.alice, deadline(time.Unix(-1, 0))) }, []pb.Reason{deadlinePassed}},
	{"deadline beyond the bound by a nanosecond", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, deadline(w.now.Add(time.Minute+1)))
	}, []pb.Reason{deadlineFar}},
	{"deadline at the end of time", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, deadline(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)))
	}, []pb.Reason{deadlineFar}},

	{"halted everywhere", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		return w.ask(w.alice)
	}, []pb.Reason{halted}},
	{"halted zone", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_ZONE, trusttest.ZoneName))
		return w.ask(w.alice)
	}, []pb.Reason{halted}},
	{"halted tool", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read"))
		return w.ask(w.alice)
	}, []pb.Reason{halted}},
	{"halted agent", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_AGENT, w.alice.SPIFFE()))
		return w.ask(w.alice)
	}, []pb.Reason{halted}},
	{"halted session", nil, func(w *world) *pb.Decision {
		w.govern(haltSession(w.alice, "main"))
		return w.ask(w.alice)
	}, []pb.Reason{halted}},
	{"halts elsewhere", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_ZONE, "z2"))
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_AGENT, w.bob.SPIFFE()))
		w.govern(haltSession(w.alice, "other"))
		return w.ask(w.alice)
	}, nil},
	{"halted and resumed", nil, func(w *world) *pb.Decision {
		w.govern(trusttest.Resume(w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))))
		return w.ask(w.alice)
	}, nil},
	{"release expired", nil, func(w *world) *pb.Decision {
		w.now = w.now.Add(trusttest.ReleaseLife)
		return w.ask(w.alice)
	}, []pb.Reason{releaseExpired}},
	{"release about to expire", nil, func(w *world) *pb.Decision {
		w.now = w.now.Add(trusttest.ReleaseLife - 1)
		return w.ask(w.alice)
	}, nil},

	{
		"over a limit",
		[]func(*pb.Release){limits(&pb.Limit{Id: "n", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 0, Window: durationpb.New(time.Minute)})},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{limitExceeded},
	},
	{"delegation that is none", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Delegation = [][]byte{{1}} })
	}, []pb.Reason{delegationInvalid}},

	{
		"policies do not compile",
		[]func(*pb.Release){policies("permit (")},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{policyInvalid},
	},
	{
		"no policy",
		[]func(*pb.Release){policies("")},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{policyDefaultDeny},
	},
	{
		"forbidden",
		[]func(*pb.Release){policies(permitBoth + `@id("b") forbid (principal, action == Action::"read", resource);`)},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{policyForbidden},
	},
	{"a permit that cannot be evaluated", []func(*pb.Release){policies(
		`@id("a") permit (principal, action == Action::"pay", resource) when { context.arguments.amount + 9223372036854775807 > 0 };`,
	)}, func(w *world) *pb.Decision { return w.ask(w.alice, pay(1)) }, []pb.Reason{policyError}},
	{
		"a forbid that cannot be evaluated beside a permit",
		[]func(*pb.Release){policies(permitBoth + `
		@id("b") forbid (principal, action == Action::"pay", resource) when { context.arguments.amount + 9223372036854775807 < 0 };`)},
		func(w *world) *pb.Decision { return w.ask(w.alice, pay(1)) },
		[]pb.Reason{policyError},
	},
	{"a sequence that policy cannot hold", nil, func(w *world) *pb.Decision {
		return w.ask(w.alice, func(in *pb.Intent) { in.Sequence = 1 << 63 })
	}, []pb.Reason{sessionGap, policyError}},
	{
		"approval wanted",
		[]func(*pb.Release){policies(`@id("a") @approvals("1") permit (principal, action == Action::"read", resource);`)},
		func(w *world) *pb.Decision { return w.ask(w.alice) },
		[]pb.Reason{approvalPending},
	},
	{
		"approval refused",
		[]func(*pb.Release){policies(wantTwo), approvers},
		func(w *world) *pb.Decision {
			c := newCourt(w.tb)
			return c.answer(c.p1, c.request(c.alice, pay(820)), false)
		},
		[]pb.Reason{approvalPending, approvalRefused},
	},

	{
		"much at once",
		[]func(*pb.Release){policies(""), limits(&pb.Limit{Id: "n", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 0, Window: durationpb.New(time.Minute)})},
		func(w *world) *pb.Decision {
			w.release(policies(""), alicesEntry(func(e *pb.Identity) { e.Tools = nil }),
				limits(&pb.Limit{Id: "n", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 0, Window: durationpb.New(time.Minute)}))
			w.govern(trusttest.RevokeKey(w.alice.Key.ID()))
			w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
			w.now = w.now.Add(trusttest.ReleaseLife)
			return w.ask(w.alice, deadline(w.now), func(in *pb.Intent) {
				in.Action, in.Sequence, in.Previous, in.Delegation, in.ArgumentsDigest = "fly", 9, make([]byte, 32), [][]byte{{1}}, make([]byte, 32)
			})
		},
		[]pb.Reason{
			argumentsDigest, agentRevoked, toolForbidden, actionMismatch, sessionGap, sessionFork, deadlinePassed,
			halted, releaseExpired, limitExceeded, delegationInvalid, policyDefaultDeny,
		},
	},
	{"a stranger asks for nothing that there is", nil, func(w *world) *pb.Decision {
		return w.ask(w.carol, deadline(w.now.Add(time.Hour)), func(in *pb.Intent) { in.Agent, in.Tool = w.alice.SPIFFE(), "fly" })
	}, []pb.Reason{intentForged, agentUnknown, toolUnknown, deadlineFar}},
}

func haltSession(m trusttest.Member, id string) *pb.Governance {
	record := trusttest.Halt(pb.ScopeKind_SCOPE_KIND_SESSION, m.SPIFFE())
	record.GetHalt().Scope.Session = id
	return record
}

// unreadable appends a list of intents that cannot be read and decides it.
func (w *world) unreadable(m trusttest.Member, data []byte) *pb.Decision {
	w.tb.Helper()
	rec := w.mustAppend(schemas.KindIntent, m.ID.Name, data)
	if rec.ListErr == nil {
		w.tb.Fatal("the list can be read")
	}
	d := verdict.Unreadable(w.fold, w.rules, rec)
	checkDecision(w.tb, d)
	if !bytes.Equal(d.GetIntentDigest(), rec.PayloadDigest[:]) || d.GetIntent().GetSequence() != rec.Seq || d.GetIntent().GetIndex() != 0 {
		w.tb.Errorf("the decision is on %x at %v, not on the payload", d.GetIntentDigest(), d.GetIntent())
	}
	before := w.state.Digest()
	if w.state.Apply(d, w.rules.Release.Bounds.Memory); w.state.Digest() != before {
		w.tb.Error("an unreadable payload changed the state")
	}
	return d
}

func TestReasons(t *testing.T) {
	for _, test := range reasonCases {
		t.Run(test.name, func(t *testing.T) {
			wantReasons(t, test.act(newWorld(t, test.release...)), test.want...)
		})
	}
}

// TestEveryReasonIsReached compares the table above with the schema's: all
// reasons of a verdict.
func TestEveryReasonIsReached(t *testing.T) {
	reached := map[pb.Reason]bool{}
	for _, test := range reasonCases {
		for _, r := range test.want {
			reached[r] = true
		}
	}
	for _, r := range schemas.Reasons() {
		if r >= payloadMalformed && r < pb.Reason_REASON_CLAIM_UNDECIDED && !reached[r] {
			t.Errorf("no case reaches %v", r)
		}
	}
}

// TestUnknownContent: an intent whose content nobody read, without even a
// defect, is still a DENY.
func TestUnknownContent(t *testing.T) {
	w := newWorld(t)
	signer, _ := w.fold.Credential(w.alice.Key.ID())
	d := w.state.Decide(w.fold, w.rules, verdict.Intent{Signer: signer})
	wantReasons(t, d, intentMalformed)
	d = w.state.Decide(w.fold, w.rules, verdict.Intent{})
	wantReasons(t, d, intentMalformed, agentUnknown)
}

// TestNumberTricks: JSON that different readers read differently never passes.
func TestNumberTricks(t *testing.T) {
	limited := limits(&pb.Limit{Id: "spent", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: 100, Window: durationpb.New(time.Minute)})
	for _, json := range []string{
		`{"amount":1.0}`, `{"amount":1e0}`, `{"amount":1E2}`, `{"amount":"1"}`, `{"amount":-0}`, `{"amount":-1}`, `{"amount":01}`, `{"amount":+1}`,
		`{"amount":9223372036854775808}`, `{"amount":18446744073709551617}`, `{"amount":1,"amount":2}`, `{"amount":1,"\u0061mount":2}`,
		`{"Amount":1}`, `{"amount":null}`, `{"amount":[1]}`, `{"amount":{"x":1}}`, `{"amount":true}`, `{"amount":1}{}`, `{"amount":1,}`, `{}`, `[]`,
		`null`, `"amount"`, `{"amount":1 /* */}`, `{"amount":0x1}`, `{"amount":NaN}`, "\xef\xbb\xbf{\"amount\":1}", "{\"amount\":1,\"\xff\":1}",
	} {
		w := newWorld(t, limited)
		d := w.ask(w.alice, pay(0), arguments(json))
		if !slices.Equal(d.GetReasons(), []pb.Reason{argumentsInvalid}) {
			t.Errorf("%s: %v", json, d.GetReasons())
		}
	}
	w := newWorld(t, limited)
	d := w.ask(w.alice, pay(0), arguments(" { \"\\u0061mount\"\t:\n7 } "))
	wantReasons(t, d)
	if got := d.GetCharges()[0].GetAmount(); got != 7 {
		t.Errorf("charged %d for an escaped name, want 7", got)
	}
}

// TestManyPolicies: a decision names at most as many policies as it can hold.
func TestManyPolicies(t *testing.T) {
	var text []byte
	for i := range 100 {
		text = append(text, `@id("p`...)
		text = append(text, byte('0'+i/10), byte('0'+i%10))
		text = append(text, `") permit (principal, action == Action::"read", resource);`...)
	}
	w := newWorld(t, policies(string(text)))
	d := w.ask(w.alice)
	wantReasons(t, d)
	if got := d.GetPolicies(); len(got) != 64 || got[0] != "p00" || got[63] != "p63" {
		t.Errorf("%d policies, from %q to %q", len(got), got[0], got[len(got)-1])
	}
}
