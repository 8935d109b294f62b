package fabric_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// twoGovernors is a fabric whose releases need g1 and g2.
func twoGovernors(t testing.TB) *fabric.Fabric {
	t.Helper()
	p := params()
	p.Governors = 2
	return create(t, p)
}

// planned raises a limit to 9000 and plans the next release.
func planned(t testing.TB, f *fabric.Fabric) *fabric.Plan {
	t.Helper()
	edit(t, f.ReleaseDir(), "limits.yaml", "5000", "9000")
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := f.Plan(source, state(t, f).Release())
	if err != nil || plan == nil {
		t.Fatalf("plan %v, %v", plan, err)
	}
	return plan
}

func state(t testing.TB, f *fabric.Fabric) *governance.State {
	t.Helper()
	s, err := f.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(t testing.TB, f *fabric.Fabric, governor string) *trust.SigningKey {
	t.Helper()
	g, err := f.Governor(governor)
	if err != nil {
		t.Fatal(err)
	}
	return g.Key
}

func bytesOf(t testing.TB, p *fabric.Plan) []byte {
	t.Helper()
	data, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPlanCollectsSignatures(t *testing.T) {
	f := twoGovernors(t)
	plan, now := planned(t, f), state(t, f)
	if plan.Version() != 2 || plan.Ledger != f.Ledger || plan.Release.Digest != plan.ID || plan.Release.Proto.GetLimits()[0].GetMax() != 9000 {
		t.Errorf("release %d of %s, digest %s", plan.Version(), plan.Ledger, plan.Release.Digest)
	}
	for i, want := range []struct {
		signed, missing []string
		enough          bool
	}{
		{nil, []string{"g1", "g2"}, false},
		{[]string{"g1"}, []string{"g2"}, false},
		{[]string{"g1", "g2"}, nil, true},
	} {
		if i > 0 {
			key, id := keyOf(t, f, want.signed[i-1]), plan.ID
			added, err := plan.Sign(key)
			again, errAgain := plan.Sign(key)
			if err != nil || errAgain != nil || !added || again || plan.ID != id {
				t.Fatalf("signing: %t %v, again %t %v", added, err, again, errAgain)
			}
		}
		old, next := plan.Votes(now)
		for _, v := range []fabric.Vote{old, next} {
			if v.Needed != 2 || !slices.Equal(v.Signed, want.signed) || !slices.Equal(v.Missing, want.missing) || v.Enough() != want.enough {
				t.Errorf("after %d signatures: %+v", i, v)
			}
		}
		if err := errors.Join(plan.CheckSignatures(now), plan.CheckPlace(now), plan.CheckTime(noon, "x")); err != nil {
			t.Errorf("after %d signatures: %v", i, err)
		}
	}
	if added, err := f.Keep([][]byte{bytesOf(t, plan)}); err != nil || added != 1 || state(t, f).Release().Digest != plan.ID {
		t.Errorf("kept %d, %v", added, err)
	}
}

// TestPlanNothing: a source that says what is in force needs no plan.
func TestPlanNothing(t *testing.T) {
	f := create(t, params())
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := f.Plan(source, state(t, f).Release()); plan != nil || err != nil {
		t.Errorf("%v, %v", plan, err)
	}
}

// TestZeroVoteIsNotEnough: who asks before anything is known gets a no.
func TestZeroVoteIsNotEnough(t *testing.T) {
	if (fabric.Vote{}).Enough() {
		t.Error("nobody of nobody is enough")
	}
}

func reenvelope(t *testing.T, data []byte, change func(*pb.Envelope)) []byte {
	t.Helper()
	env := new(pb.Envelope)
	if err := proto.Unmarshal(data, env); err != nil {
		t.Fatal(err)
	}
	change(env)
	out, err := proto.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rewrite changes the release within a plan and leaves its signatures.
func rewrite(t *testing.T, data []byte, change func(*pb.Governance)) []byte {
	t.Helper()
	return reenvelope(t, data, func(env *pb.Envelope) {
		record := new(pb.Governance)
		if err := proto.Unmarshal(env.GetPayload(), record); err != nil {
			t.Fatal(err)
		}
		change(record)
		var err error
		if env.Payload, err = proto.Marshal(record); err != nil {
			t.Fatal(err)
		}
	})
}

func TestParsePlanRefuses(t *testing.T) {
	f := twoGovernors(t)
	plan := planned(t, f)
	if _, err := plan.Sign(keyOf(t, f, "g1")); err != nil {
		t.Fatal(err)
	}
	good := bytesOf(t, plan)
	halt, err := f.SignGovernance(&pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, Reason: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":       {nil, "payload type"},
		"text":          {[]byte("release: 2\n"), "portcullis release plan wrote"},
		"half a plan":   {good[:len(good)/2], "portcullis release plan wrote"},
		"one byte more": {append(slices.Clone(good), 0xff), "portcullis release plan wrote"},
		"unknown field": {append(slices.Clone(good), 0x7a, 1, 'x'), "unknown field"},
		"a halt":        {halt, "another governance record"},
		"of another kind": {reenvelope(t, good, func(e *pb.Envelope) {
			e.PayloadType = schemas.KindIntent.PayloadType()
		}), "payload type"},
		"no payload": {reenvelope(t, good, func(e *pb.Envelope) { e.Payload, e.Signatures = nil, nil }), "from who planned it"},
		"signed twice by one": {reenvelope(t, good, func(e *pb.Envelope) {
			e.Signatures = append(e.Signatures, e.GetSignatures()[0])
		}), "signed twice"},
		"a short signature": {reenvelope(t, good, func(e *pb.Envelope) { e.Signatures[0].Sig = e.GetSignatures()[0].GetSig()[:9] }), "wrong size"},
		"a credential within": {reenvelope(t, good, func(e *pb.Envelope) {
			e.Signatures[0].Credential = []byte("x")
		}), "carries a credential"},
		"no release that holds": {rewrite(t, good, func(g *pb.Governance) {
			g.GetRelease().Thresholds.Release = 3
		}), "does not hold together"},
		"policies that do not compile": {rewrite(t, good, func(g *pb.Governance) {
			g.GetRelease().Policies[0].Text = "permit"
		}), "deny everything"},
		"a schema broken": {rewrite(t, good, func(g *pb.Governance) { g.GetRelease().Version = 0 }), "from who planned it"},
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := fabric.ParsePlan(tt.data); err == nil || !errors.Is(err, fabric.ErrPlan) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

func TestAlteredPlans(t *testing.T) {
	f := twoGovernors(t)
	plan, now := planned(t, f), state(t, f)
	if _, err := plan.Sign(keyOf(t, f, "g1")); err != nil {
		t.Fatal(err)
	}
	altered, err := fabric.ParsePlan(rewrite(t, bytesOf(t, plan), func(g *pb.Governance) { g.GetRelease().Limits[0].Max = 10 }))
	if err != nil {
		t.Fatal(err)
	}
	if err := altered.CheckSignatures(now); err == nil || !strings.Contains(err.Error(), "g1 does not fit it, so it was altered") {
		t.Errorf("altered: %v", err)
	}
	if old, next := altered.Votes(now); len(old.Signed)+len(next.Signed) != 0 {
		t.Errorf("a signature on other bytes counts: %+v %+v", old, next)
	}
	stranger, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Sign(stranger); err != nil {
		t.Fatal(err)
	}
	if err := plan.CheckSignatures(now); err == nil || !strings.Contains(err.Error(), "no governor's") {
		t.Errorf("a stranger signed: %v", err)
	}
	if _, ok := plan.Governor(now, stranger.ID()); ok {
		t.Error("a stranger is a governor")
	}
}

func TestPlansOutOfPlace(t *testing.T) {
	f, other := create(t, params()), create(t, params())
	plan := planned(t, f)
	foreign := planned(t, other)
	if err := foreign.CheckPlace(state(t, f)); err == nil || !strings.Contains(err.Error(), "for this ledger") {
		t.Errorf("another ledger's: %v", err)
	}
	if _, err := plan.Sign(keyOf(t, f, "g1")); err != nil {
		t.Fatal(err)
	}
	third, err := fabric.ParsePlan(rewrite(t, bytesOf(t, plan), func(g *pb.Governance) { g.GetRelease().Version = 3 }))
	if err != nil {
		t.Fatal(err)
	}
	if err := third.CheckPlace(state(t, f)); err == nil || !strings.Contains(err.Error(), "release show --keep") {
		t.Errorf("two ahead: %v", err)
	}
	if _, err := f.Enroll(clerk); err != nil {
		t.Fatal(err)
	}
	if err := plan.CheckPlace(state(t, f)); err == nil || !strings.Contains(err.Error(), "overtaken: release 2") {
		t.Errorf("overtaken: %v", err)
	}
	if err := third.CheckPlace(state(t, f)); err == nil || !strings.Contains(err.Error(), "overtaken: it replaces") {
		t.Errorf("of another history: %v", err)
	}
}

func TestPlansOutOfTime(t *testing.T) {
	f := create(t, params())
	plan := planned(t, f)
	for _, tt := range []struct {
		at   time.Duration
		want string
	}{
		{-time.Minute, ""},
		{-time.Minute - time.Second, "1s earlier"},
		{-2 * time.Minute, "1m0s earlier"},
		{8760*time.Hour - time.Nanosecond, ""},
		{8760 * time.Hour, "has expired"},
	} {
		err := plan.CheckTime(noon.Add(tt.at), "the ledger")
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "the ledger says")) {
			t.Errorf("at %v: %v", tt.at, err)
		}
	}
}

// TestRevokedGovernorsDoNotCount: the vote names neither a revoked governor's
// signature nor its absence.
func TestRevokedGovernorsDoNotCount(t *testing.T) {
	f := twoGovernors(t)
	plan, now := planned(t, f), state(t, f)
	for _, name := range []string{"g1", "g2"} {
		if _, err := plan.Sign(keyOf(t, f, name)); err != nil {
			t.Fatal(err)
		}
	}
	id := keyOf(t, f, "g2").ID()
	data, err := f.SignGovernance(&pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{Subject: &pb.Revoke_KeyId{KeyId: id[:]}, Reason: "lost"}}})
	if err != nil {
		t.Fatal(err)
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := now.Apply(governance.Record{Sequence: 9, Time: noon, Envelope: env}); err != nil {
		t.Fatal(err)
	}
	old, _ := plan.Votes(now)
	if !slices.Equal(old.Signed, []string{"g1"}) || len(old.Missing) != 0 || old.Enough() {
		t.Errorf("%+v", old)
	}
	if err := plan.CheckSignatures(now); err == nil {
		t.Error("a revoked key's signature is accepted")
	}
}

func TestPlanFiles(t *testing.T) {
	f := create(t, params())
	plan := planned(t, f)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.plan")
	if err := plan.Write(path, false); err != nil {
		t.Fatal(err)
	}
	read, err := fabric.ReadPlan(path)
	if err != nil || read.ID != plan.ID {
		t.Fatalf("%v, %v", read, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := plan.Write(path, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if _, err := plan.Sign(keyOf(t, f, "g1")); err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(path, true); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, bytesOf(t, plan)) {
		t.Errorf("replaced by %d bytes, %v", len(data), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := fabric.ReadPlan(dir); !errors.Is(err, fabric.ErrPlan) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := fabric.ReadPlan(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := plan.Write(filepath.Join(dir, "none", "a.plan"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	put(t, dir, "big.plan", strings.Repeat("x", schemas.MaxEnvelope+1))
	if _, err := fabric.ReadPlan(filepath.Join(dir, "big.plan")); !errors.Is(err, fabric.ErrPlan) {
		t.Errorf("a large file: %v", err)
	}
}

func FuzzParsePlan(f *testing.F) {
	made := create(f, params())
	plan := planned(f, made)
	f.Add(bytesOf(f, plan))
	if _, err := plan.Sign(keyOf(f, made, "g1")); err != nil {
		f.Fatal(err)
	}
	f.Add(bytesOf(f, plan))
	now := state(f, made)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := fabric.ParsePlan(data)
		if err != nil {
			if !errors.Is(err, fabric.ErrPlan) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		old, _ := p.Votes(now)
		if old.Enough() && p.ID != plan.ID {
			t.Fatal("bytes that nobody signed have a signature")
		}
		if again, err := fabric.ParsePlan(bytesOf(t, p)); err != nil || again.ID != p.ID {
			t.Fatalf("its own bytes are refused: %v", err)
		}
	})
}
