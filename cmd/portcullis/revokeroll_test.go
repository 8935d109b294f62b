package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// rolled is a small ledger whose roll is tested.
type rolled struct {
	*roll
	zone *trusttest.Zone
	seq  uint64
}

// rollOf has governors, of whom some number signs, and a release.
func rollOf(need uint32, governors int, mutators ...func(*pb.Release)) *rolled {
	zone := trusttest.NewZone(need, governors)
	r := &rolled{roll: newRoll(trusttest.ZoneName, zone.Ledger), zone: zone}
	r.put(schemas.KindGovernance, "", zone.Genesis)
	r.put(schemas.KindGovernance, "", zone.Seal(trusttest.Released(zone.Release(mutators...))))
	return r
}

func (r *rolled) put(kind schemas.Kind, token string, data []byte) {
	r.seq++
	r.step(ledger.Raw{
		Seq: r.seq, Time: trusttest.Start.Add(time.Duration(r.seq) * time.Millisecond), Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data,
	})
}

func (r *rolled) introduce(members ...trusttest.Member) {
	for _, m := range members {
		r.put(schemas.KindCredential, m.ID.Name, m.Credential)
	}
}

// revoke revokes a subject on the ledger, as the command would.
func (r *rolled) revoke(about subject, by ...*trust.SigningKey) {
	r.put(schemas.KindGovernance, "", r.zone.Seal(about.record("a test revokes"), by...))
}

// three makes three of each role that a zone cannot do without; each executor
// serves read, the first one pay too.
func three(p *pb.Release) {
	p.DecisionThreshold = 2
	p.Directory = []*pb.Identity{trusttest.Entry(pb.Role_ROLE_AGENT, "alice", "read", "pay")}
	for i := range uint32(3) {
		enforcer, executor := trusttest.Entry(pb.Role_ROLE_ENFORCER, fmt.Sprint("e", i)), trusttest.Entry(pb.Role_ROLE_EXECUTOR, fmt.Sprint("x", i), "read")
		enforcer.Rank, enforcer.Required = i, i == 0
		if i == 0 {
			executor.Tools = append(executor.Tools, "pay")
		}
		p.Directory = append(p.Directory, enforcer, executor, trusttest.Entry(pb.Role_ROLE_SENTINEL, fmt.Sprint("s", i)))
	}
}

// threes are the members of three, with two keys each.
var threes = func() (all []trusttest.Member) {
	ca := trusttest.NewCA()
	for i := range 3 {
		for letter, role := range map[string]pb.Role{"e": pb.Role_ROLE_ENFORCER, "x": pb.Role_ROLE_EXECUTOR, "s": pb.Role_ROLE_SENTINEL} {
			m := ca.Member(role, fmt.Sprint(letter, i))
			all = append(all, m, ca.Rotated(m, "again"))
		}
	}
	slices.SortFunc(all, func(a, b trusttest.Member) int {
		return strings.Compare(a.SPIFFE()+a.Key.ID().String(), b.SPIFFE()+b.Key.ID().String())
	})
	return all
}()

// TestRevocationsDoWhatTheyForetell: whom a preview counts as left is who is left
// once the revocation stands, and it can be made once.
func TestRevocationsDoWhatTheyForetell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rollOf(1, 1, three)
		r.introduce(rapid.SliceOfDistinct(rapid.SampledFrom(threes), func(m trusttest.Member) trust.KeyID { return m.Key.ID() }).Draw(t, "introduced")...)
		for range rapid.IntRange(1, 8).Draw(t, "revocations") {
			m := rapid.SampledFrom(threes).Draw(t, "who")
			args, key := []string{trust.RoleName(m.ID.Role), m.ID.Name}, ""
			if rapid.Bool().Draw(t, "its key") {
				args, key = nil, m.Key.ID().String()
			}
			about, err := r.find(args, key)
			if err != nil {
				refusedRightly(t, r, m, key != "")
				continue
			}
			foretold, epoch := everybodyLeft(r, about), r.state.Epoch()
			r.revoke(about)
			if r.state.Epoch() != epoch+1 {
				t.Fatalf("revoking %s took no effect", about)
			}
			if got := everybodyLeft(r, subject{}); got != foretold {
				t.Fatalf("after revoking %s: %s; foretold was %s", about, got, foretold)
			}
			if _, err := r.find(args, key); err == nil {
				t.Fatalf("%s can be revoked twice", about)
			}
		}
	})
}

// refusedRightly: nobody is refused but who is revoked, or whose key the ledger
// has never seen.
func refusedRightly(t *rapid.T, r *rolled, m trusttest.Member, key bool) {
	unknown := !slices.ContainsFunc(r.keys, func(k known) bool { return k.key == m.Key.ID() })
	revoked := r.state.RevokedID(m.SPIFFE()) || key && r.state.Revoked(m.Key.ID(), "")
	if !revoked && (!key || !unknown) {
		t.Fatalf("%s was refused", m.SPIFFE())
	}
}

// everybodyLeft is who would be left of each role and for each tool.
func everybodyLeft(r *rolled, about subject) string {
	return fmt.Sprint(r.left(pb.Role_ROLE_ENFORCER, "", about), r.left(pb.Role_ROLE_SENTINEL, "", about),
		r.left(pb.Role_ROLE_EXECUTOR, "read", about), r.left(pb.Role_ROLE_EXECUTOR, "pay", about))
}

// TestRevokeWarns: the last of a kind is told from one of several, and a key from
// its holder.
func TestRevokeWarns(t *testing.T) {
	ca := trusttest.NewCA()
	e0, e1, e2 := ca.Member(pb.Role_ROLE_ENFORCER, "e0"), ca.Member(pb.Role_ROLE_ENFORCER, "e1"), ca.Member(pb.Role_ROLE_ENFORCER, "e2")
	x0, x1, s0, s1 := ca.Member(pb.Role_ROLE_EXECUTOR, "x0"), ca.Member(pb.Role_ROLE_EXECUTOR, "x1"), ca.Member(pb.Role_ROLE_SENTINEL, "s0"), ca.Member(pb.Role_ROLE_SENTINEL, "s1")
	alice := ca.Member(pb.Role_ROLE_AGENT, "alice")
	whole := func(m trusttest.Member) subject { return subject{id: m.ID} }
	key := func(m trusttest.Member) subject { return subject{id: m.ID, key: m.Key.ID()} }
	for name, test := range map[string]struct {
		introduced []trusttest.Member
		about      subject
		says       []string // one for each warning
	}{
		"an enforcer to spare":        {[]trusttest.Member{e0, e1, e2}, whole(e1), nil},
		"an enforcer of the quorum":   {[]trusttest.Member{e0, e1}, whole(e1), []string{"1 enforcer with a key that counts would be left, and 2 must agree"}},
		"a required enforcer's key":   {[]trusttest.Member{e0, e1, e2}, key(e0), []string{"no other key", "sentinels trip"}},
		"one key of two":              {[]trusttest.Member{e0, ca.Rotated(e0, "again"), e1, e2}, key(e0), []string{"to end them all revoke enforcer e0"}},
		"an executor, not alone":      {[]trusttest.Member{x0, x1}, whole(x1), nil},
		"the only executor of a tool": {[]trusttest.Member{x0, x1}, whole(x0), []string{"left for pay: nobody"}},
		"the only executor":           {[]trusttest.Member{x0}, whole(x0), []string{"left for read, pay: nobody"}},
		"a sentinel of two":           {[]trusttest.Member{s0, s1}, whole(s0), nil},
		"the only sentinel":           {[]trusttest.Member{s0}, whole(s0), []string{"no sentinel"}},
		"the only sentinel's key":     {[]trusttest.Member{s0}, key(s0), []string{"no other key", "no sentinel"}},
		"an agent":                    {[]trusttest.Member{alice}, whole(alice), nil},
		"an agent's key":              {[]trusttest.Member{alice}, key(alice), []string{"no other key", "runs on; to interrupt it revoke agent alice"}},
		"nobody of the directory":     {nil, subject{id: trusttest.ID(pb.Role_ROLE_AGENT, "zoe")}, []string{"is not in the directory"}},
		"a namesake of another zone":  {[]trusttest.Member{s0}, subject{id: trust.Identity{TrustDomain: "other.example", Zone: "z", Role: pb.Role_ROLE_SENTINEL, Name: "s0"}}, []string{"is not in the directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rollOf(1, 1, three)
			r.introduce(test.introduced...)
			got := r.warnings(test.about)
			if len(got) != len(test.says) {
				t.Fatalf("%q; want %q", got, test.says)
			}
			for i, says := range test.says {
				if !strings.Contains(got[i], says) {
					t.Errorf("%q does not say %q", got[i], says)
				}
			}
		})
	}
}

// TestRevokeGovernors: as many must sign as a release needs, and as many must be
// left; each case is held against what the fold does.
func TestRevokeGovernors(t *testing.T) {
	for _, test := range []struct {
		need, resume uint32
		governors    int
		locked       bool
		warns        string
	}{
		{1, 1, 1, true, ""},
		{1, 1, 2, false, ""},
		{2, 2, 2, true, ""},
		{2, 2, 3, false, ""},
		{1, 2, 2, false, "1 governor would be left, and 2 must sign a resume"},
	} {
		r := rollOf(test.need, test.governors, func(p *pb.Release) { p.Thresholds.Resume = test.resume })
		last := trusttest.Governor(test.governors - 1).ID()
		about, err := r.find(nil, last.String())
		must(t, err)
		if got := r.needed(about); got != int(test.need) {
			t.Errorf("%d of %d: %d must sign", test.need, test.governors, got)
		}
		if err := r.lockedOut(about); (err != nil) != test.locked {
			t.Errorf("%d of %d: %v", test.need, test.governors, err)
		}
		if got := strings.Join(r.warnings(about), ""); !strings.HasPrefix(got, test.warns) || test.warns == "" && got != "" {
			t.Errorf("%d of %d: warns %q", test.need, test.governors, got)
		}
		r.revoke(about, r.zone.Governors[:test.need-1]...)
		if test.need > 1 && r.whyNot(known{key: last, id: about.id}) != "" {
			t.Errorf("%d of %d: one governor too few was enough", test.need, test.governors)
		}
		r.revoke(about, r.zone.Governors[:test.need]...)
		if r.whyNot(known{key: last, id: about.id}) != "noise.revoked" || len(r.state.Governors()) != test.governors-1 {
			t.Errorf("%d of %d: as many as foretold were not enough", test.need, test.governors)
		}
	}
}

// TestRevokeKeyPrefix: a prefix means exactly one key, or none is revoked.
func TestRevokeKeyPrefix(t *testing.T) {
	r := rollOf(1, 1, three)
	twin := func(name string, last byte) known {
		k := known{key: trust.KeyID{0xab, 0xcd, 0xef, 0x01, 0x23}, id: trusttest.ID(pb.Role_ROLE_AGENT, name)}
		k.key[31] = last
		return k
	}
	one, two := twin("one", 1), twin("two", 2)
	r.keys = append(r.keys, one, two, known{key: one.key, id: trusttest.ID(pb.Role_ROLE_AGENT, "later")})
	for prefix, says := range map[string]string{
		"":                                      "no key's id",
		"abcdef0":                               "no key's id",
		"ABCDEF01":                              "no key's id",
		"abcdef0x":                              "no key's id",
		one.key.String() + "0":                  "no key's id",
		"abcdef02":                              "means no key",
		strings.Repeat("00", 32):                "means no key",
		"abcdef01":                              "means 2 keys (" + one.key.String() + " of agent one, " + two.key.String() + " of agent two)",
		one.key.String()[:62]:                   "means 2 keys",
		one.key.String():                        "",
		two.key.String():                        "",
		trusttest.Governor(0).ID().String()[:8]: "",
	} {
		about, err := r.byKey(prefix)
		if says == "" && (err != nil || !strings.HasPrefix(about.key.String(), prefix)) {
			t.Errorf("%s: %v, %v", prefix, about, err)
		}
		if says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v; want %q", prefix, err, says)
		}
	}
}

// TestRevokeGovernorByName: what would change nothing is not appended, and who
// asks for it is told what would.
func TestRevokeGovernorByName(t *testing.T) {
	r := rollOf(1, 2, three)
	for _, args := range [][]string{{"governor", "g1"}, {trusttest.ID(pb.Role_ROLE_GOVERNOR, "g1").String()}} {
		if _, err := r.find(args, ""); exitOf(err) != exitUsage || !strings.Contains(err.Error(), "portcullis revoke --key "+keyed(trusttest.Governor(1).ID())) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := r.find([]string{"governor", "g7"}, ""); exitOf(err) != exitUsage || !strings.Contains(err.Error(), "g0, g1") {
		t.Error(err)
	}
}

// TestRevokeAwaits: only who is believed can confirm, and who is just revoked is
// told apart from who was before.
func TestRevokeAwaits(t *testing.T) {
	ca := trusttest.NewCA()
	x0, x1, x2 := ca.Member(pb.Role_ROLE_EXECUTOR, "x0"), ca.Member(pb.Role_ROLE_EXECUTOR, "x1"), ca.Member(pb.Role_ROLE_EXECUTOR, "x2")
	r := rollOf(1, 1, three)
	r.introduce(x0, ca.Rotated(x0, "again"), x1) // x2 has not started yet
	wantAwaited := func(about subject, revoked string, names ...string) {
		t.Helper()
		if got, gone := r.awaited(about); !slices.Equal(got, names) || gone != revoked {
			t.Errorf("revoking %s awaits %q, not %q", about, got, gone)
		}
	}
	agent := subject{id: trusttest.ID(pb.Role_ROLE_AGENT, "alice")}
	wantAwaited(agent, "", "x0", "x1", "x2")
	wantAwaited(subject{id: x0.ID, key: x0.Key.ID()}, "", "x0", "x1", "x2") // it has another key
	wantAwaited(subject{id: x0.ID}, "x0", "x1", "x2")
	wantAwaited(subject{id: x2.ID}, "x2", "x0", "x1")
	r.revoke(subject{id: x0.ID})
	wantAwaited(agent, "", "x1", "x2")
	r.revoke(subject{id: x1.ID, key: x1.Key.ID()})
	wantAwaited(agent, "", "x2")
}
