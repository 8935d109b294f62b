package permit_test

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	undecided  = pb.Reason_REASON_CLAIM_UNDECIDED
	denied     = pb.Reason_REASON_CLAIM_DENIED
	staleEpoch = pb.Reason_REASON_CLAIM_STALE_EPOCH
	expired    = pb.Reason_REASON_CLAIM_EXPIRED
	halted     = pb.Reason_REASON_CLAIM_HALTED
	noPulse    = pb.Reason_REASON_CLAIM_NO_PULSE
	revoked    = pb.Reason_REASON_CLAIM_REVOKED
	second     = pb.Reason_REASON_CLAIM_SECOND
	wrongTool  = pb.Reason_REASON_CLAIM_WRONG_TOOL
	malformed  = pb.Reason_REASON_CLAIM_MALFORMED
	noRelease  = pb.Reason_REASON_CLAIM_RELEASE
	evaluation = pb.Reason_REASON_CLAIM_EVALUATION
)

func halt(kind pb.ScopeKind, value string) *pb.Governance { return trusttest.Halt(kind, value) }

// scenarios each violate exactly one condition of a valid claim and keep all
// others: where a check were missing, its scenario would be valid. For this,
// decisions after a halt or a revocation are of an enforcer who ignored it and
// names the epoch that it opened.
var scenarios = []struct {
	name string
	act  func(w *world) permit.Ruling
	void pb.Reason
}{
	{"valid", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, 0},
	{"valid at the last nanosecond", func(w *world) permit.Ruling {
		r := w.request()
		w.now = w.now.Add(8 * time.Second)
		w.decide(w.decision(r), w.e1)
		w.pulse()
		w.now = w.now.Add(2*time.Second - 1) // of deadline and pulse
		return w.claim(r, w.x1)
	}, 0},

	{"no decision", func(w *world) permit.Ruling {
		w.pulse()
		return w.claim(w.request(), w.x1)
	}, undecided},
	{"decision on another intent", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(w.request()), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, undecided},
	{"decision after the claim", func(w *world) permit.Ruling {
		r := w.request()
		w.pulse()
		ruling := w.claim(r, w.x1)
		if w.decide(w.decision(r), w.e1) == nil {
			w.tb.Fatal("no quorum")
		}
		return ruling
	}, undecided},
	{"claim names another position", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claim(r, w.x1, func(c *pb.Claim) { c.Intent.Index = 1 })
	}, undecided},

	{"DENY", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r, func(d *pb.Decision) { d.Verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, denied},
	{"ALLOW with a reason against it", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r, func(d *pb.Decision) { d.Reasons = []pb.Reason{pb.Reason_REASON_HALTED} }), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, denied},

	{"asked for a decision only", func(w *world) permit.Ruling {
		r := w.request(func(in *pb.Intent) { in.Evaluation = true })
		w.decide(w.decision(r, func(d *pb.Decision) { d.Evaluation = true }), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, evaluation},

	{"deadline at the claim", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.now = w.now.Add(9 * time.Second)
		w.pulse()
		w.now = w.now.Add(time.Second)
		return w.claim(r, w.x1)
	}, expired},

	{"halted between decision and claim", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.govern(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		w.pulse()
		return w.claim(r, w.x1)
	}, halted},
	{"halted everywhere, ignored", haltIgnored(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")), halted},
	{"halted zone, ignored", haltIgnored(halt(pb.ScopeKind_SCOPE_KIND_ZONE, trusttest.ZoneName)), halted},
	{"halted tool, ignored", haltIgnored(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read")), halted},
	{"halted agent, ignored", haltIgnored(halt(pb.ScopeKind_SCOPE_KIND_AGENT, trusttest.ID(pb.Role_ROLE_AGENT, "alice").String())), halted},
	{"halted session, ignored", haltIgnored(func() *pb.Governance {
		h := halt(pb.ScopeKind_SCOPE_KIND_SESSION, trusttest.ID(pb.Role_ROLE_AGENT, "alice").String())
		h.GetHalt().Scope.Session = "main"
		return h
	}()), halted},
	{"another tool halted before the decision", haltIgnored(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")), 0},

	{"agent revoked, ignored", haltIgnored(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_AGENT, "alice"))), revoked},
	{"executor revoked", func(w *world) permit.Ruling { // its records are noise already; the book refuses it all the same
		w.govern(trusttest.RevokeIdentity(w.x1.ID))
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.book.Claim(w.fold, "read", w.x1.ID, ledger.Position{Seq: 99}, ledger.Item{Bytes: encode(w.tb, w.claimOf(r, w.x1))})
	}, revoked},
	{"agent revoked between", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.govern(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_AGENT, "alice")))
		w.pulse()
		return w.claim(r, w.x1)
	}, revoked},
	{"enforcer revoked between", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.govern(trusttest.RevokeKey(w.e1.Key.ID()))
		w.pulse()
		return w.claim(r, w.x1)
	}, staleEpoch},

	{"another tool halted between", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		w.pulse()
		return w.claim(r, w.x1)
	}, staleEpoch},
	{"halted and resumed between", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.govern(trusttest.Resume(w.govern(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))))
		w.pulse()
		return w.claim(r, w.x1)
	}, staleEpoch},
	{"decision of an epoch to come", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r, func(d *pb.Decision) { d.Epoch++ }), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, staleEpoch},
	{"decision by another release", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r, func(d *pb.Decision) { d.Release = make([]byte, 32) }), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}, staleEpoch},

	{"executor that serves other tools", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claim(r, w.x3)
	}, wrongTool},
	{"claim on another tool's subject", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claimOn("pay", w.x1, encode(w.tb, w.claimOf(r, w.x1)))
	}, wrongTool},
	{"executor of no directory", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		stranger := trusttest.NewMember(pb.Role_ROLE_EXECUTOR, "x9")
		return w.book.Claim(w.fold, "read", stranger.ID, ledger.Position{Seq: 99}, ledger.Item{Bytes: encode(w.tb, w.claimOf(r, stranger))})
	}, wrongTool},

	{"no pulse", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		return w.claim(r, w.x1)
	}, noPulse},
	{"pulse exactly at its limit", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		w.now = w.now.Add(2 * time.Second)
		return w.claim(r, w.x1)
	}, noPulse},
	{"pulse of another history", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		head := w.fold.Governance().Head().Proto()
		head.Digest[0] ^= 1
		w.pulse(head)
		return w.claim(r, w.x1)
	}, noPulse},
	{"pulse of a head beyond this one", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		head := w.fold.Governance().Head().Proto()
		head.Number++
		w.now = w.now.Add(1)
		w.pulse(head) // a good one before it does not help
		return w.claim(r, w.x1)
	}, noPulse},

	{"second", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		if first := w.claim(r, w.x1); !first.Valid() {
			w.tb.Fatalf("the first is void: %v", first.Void)
		}
		return w.claim(r, w.x2)
	}, second},
	{"second, after a void one", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		if first := w.claim(r, w.x2); first.Void != noPulse {
			w.tb.Fatalf("the first: %v", first.Void)
		}
		w.pulse()
		return w.claim(r, w.x1)
	}, 0},

	{"not a claim", func(w *world) permit.Ruling { return w.claimOn("read", w.x1, []byte{0xff}) }, malformed},
	{"claim without incarnation", func(w *world) permit.Ruling {
		return w.claim(w.request(), w.x1, func(c *pb.Claim) { c.Incarnation = nil })
	}, malformed},
	{"claim in the name of another", func(w *world) permit.Ruling {
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claim(r, w.x1, func(c *pb.Claim) { c.Executor = w.x2.SPIFFE() })
	}, malformed},

	{"release expired", func(w *world) permit.Ruling {
		w.now = w.now.Add(trusttest.ReleaseLife - time.Second)
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		w.now = w.now.Add(time.Second)
		return w.claim(r, w.x1)
	}, noRelease},
	{"release about to expire", func(w *world) permit.Ruling {
		w.now = w.now.Add(trusttest.ReleaseLife - time.Second)
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		w.now = w.now.Add(time.Second - 1)
		return w.claim(r, w.x1)
	}, 0},
}

// haltIgnored is a claim on a decision that was made, in the right epoch, as if
// a governance record before it did not exist.
func haltIgnored(record *pb.Governance) func(w *world) permit.Ruling {
	return func(w *world) permit.Ruling {
		w.govern(record)
		r := w.request()
		w.decide(w.decision(r), w.e1)
		w.pulse()
		return w.claim(r, w.x1)
	}
}

func TestValid(t *testing.T) {
	for _, test := range scenarios {
		t.Run(test.name, func(t *testing.T) {
			ruling := test.act(newWorld(t, 1))
			if ruling.Void != test.void {
				t.Fatalf("void because of %v, want %v", ruling.Void, test.void)
			}
			if (ruling.Permit != nil) != (test.void == 0) {
				t.Errorf("permit %v of a claim that is void because of %v", ruling.Permit, test.void)
			}
		})
	}
}

func TestEveryReasonIsReached(t *testing.T) {
	reached := map[pb.Reason]bool{}
	for _, test := range scenarios {
		reached[test.void] = true
	}
	for _, r := range schemas.Reasons() {
		if r >= undecided && r <= noRelease && !reached[r] {
			t.Errorf("no scenario reaches %v", r)
		}
	}
}

// TestBeforeTheFirstRelease: nothing is valid.
func TestBeforeTheFirstRelease(t *testing.T) {
	w := newWorld(t, 1)
	empty := ledger.NewFold(w.zone.Ledger, ledger.NewKeys())
	r := w.request()
	item := ledger.Item{Bytes: encode(t, w.decision(r))}
	if w.book.Decide(empty, "read", w.e1.ID, item, w.decision(r)) != nil {
		t.Error("a quorum without a release")
	}
	w.decide(w.decision(r), w.e1)
	ruling := w.book.Claim(empty, "read", w.x1.ID, ledger.Position{Seq: 9}, ledger.Item{Bytes: encode(t, w.claimOf(r, w.x1))})
	if ruling.Void != noRelease {
		t.Errorf("void because of %v", ruling.Void)
	}
	if permit.Fresh(empty) {
		t.Error("fresh without a release")
	}
}

// fakeView lets a test choose the newest pulse.
type fakeView struct {
	*world
	heard ledger.Pulse
}

func (v fakeView) Governance() *governance.State { return v.fold.Governance() }
func (v fakeView) LogTime() time.Time            { return v.now }
func (v fakeView) Pulse() ledger.Pulse           { return v.heard }

func TestFresh(t *testing.T) {
	w := newWorld(t, 1)
	for _, test := range []struct {
		name  string
		pulse ledger.Pulse
		want  bool
	}{
		{"none", ledger.Pulse{}, false},
		{"none, though now", ledger.Pulse{Time: w.now}, false},
		{"now", ledger.Pulse{Seq: 1, Time: w.now}, true},
		{"just young enough", ledger.Pulse{Seq: 1, Time: w.now.Add(1 - 2*time.Second)}, true},
		{"at the limit", ledger.Pulse{Seq: 1, Time: w.now.Add(-2 * time.Second)}, false},
		{"with a fault", ledger.Pulse{Seq: 1, Time: w.now, Fault: governance.ErrForked}, false},
	} {
		if got := permit.Fresh(fakeView{w, test.pulse}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestWhoGetsAPermit: every follower sees that a claim is valid; its owner alone
// gets the permit.
func TestWhoGetsAPermit(t *testing.T) {
	mine := [16]byte{1}
	for _, test := range []struct {
		name        string
		owner       permit.Owner
		claimant    string
		incarnation [16]byte
		want        bool
	}{
		{"its own", permit.Owner{ID: trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1"), Incarnation: mine}, "x1", mine, true},
		{"another executor's", permit.Owner{ID: trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1"), Incarnation: mine}, "x2", mine, false},
		{"of an earlier start", permit.Owner{ID: trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1"), Incarnation: mine}, "x1", [16]byte{2}, false},
		{"of the zero owner", permit.Owner{}, "x1", [16]byte{}, false},
		{"of an owner without incarnation", permit.Owner{ID: trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1")}, "x1", [16]byte{}, false},
		{"of an owner without identity", permit.Owner{Incarnation: mine}, "x1", mine, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.book = permit.NewBook(test.owner)
			r := w.request()
			w.decide(w.decision(r), w.e1)
			w.pulse()
			by := map[string]trusttest.Member{"x1": w.x1, "x2": w.x2}[test.claimant]
			ruling := w.claim(r, by, func(c *pb.Claim) { c.Incarnation = test.incarnation[:] })
			if !ruling.Valid() || !w.book.Claimed(r.digest) {
				t.Fatalf("void because of %v, claimed: %v", ruling.Void, w.book.Claimed(r.digest))
			}
			if (ruling.Permit != nil) != test.want {
				t.Errorf("permit %v, want one: %v", ruling.Permit, test.want)
			}
		})
	}
}
