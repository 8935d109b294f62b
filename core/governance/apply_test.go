package governance

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var (
	governanceType = schemas.KindGovernance.PayloadType()
	anywhere       = Target{Zone: trusttest.ZoneName, Tool: "read", Agent: agentID, Session: "s"}
)

// TestZeroStateIsHalted: before the first release everything is denied.
func TestZeroStateIsHalted(t *testing.T) {
	c := before(t, 1, 1)
	check := func(when string) {
		t.Helper()
		if _, halted := c.state.Halted(Target{}); !halted {
			t.Errorf("%s nothing is halted", when)
		}
	}
	check("before genesis")
	if c.state.Epoch() != 0 || c.state.Release() != nil || c.state.Head() != (Head{}) {
		t.Error("something is in force before genesis")
	}
	c.must(c.zone.Genesis)
	check("between genesis and the first release")
	if c.state.Zone() != trusttest.ZoneName || c.state.TrustDomain() != trusttest.TrustDomain || c.state.Ledger() != c.zone.Ledger {
		t.Errorf("genesis made zone %q of %q", c.state.Zone(), c.state.TrustDomain())
	}
	c.must(c.release())
	if h, halted := c.state.Halted(anywhere); halted {
		t.Errorf("after the first release %+v is in force", h)
	}
	if _, halted := (&State{}).Halted(anywhere); !halted {
		t.Error("the zero State is not halted")
	}
}

// TestSharedRefusals: what no record of any kind survives.
func TestSharedRefusals(t *testing.T) {
	var halted trust.Digest
	records := map[string]func(*chain) *pb.Governance{
		"release": func(c *chain) *pb.Governance { return trusttest.Released(c.next()) },
		"halt":    func(*chain) *pb.Governance { return trusttest.Halt(global, "") },
		"trip":    func(*chain) *pb.Governance { return trusttest.Trip() },
		"resume":  func(*chain) *pb.Governance { return trusttest.Resume(halted) },
		"revoke":  func(*chain) *pb.Governance { return trusttest.RevokeIdentity(watcher) },
		"loss":    func(c *chain) *pb.Governance { return loss(c, halted) },
	}
	stranger := trusttest.Key("stranger")
	for name, record := range records {
		t.Run(name, func(t *testing.T) {
			c := begun(t, 2, 3)
			halted = c.must(c.halt())
			good := c.zone.Seal(record(c))
			payload := trusttest.Payload(good)
			foreign := record(c)
			foreign.Ledger = make([]byte, 32)
			none := record(c)
			none.Ledger = []byte{}
			short := pb.Reason_REASON_NOISE_THRESHOLD
			if name == "trip" {
				short = pb.Reason_REASON_NOISE_ROLE // governors do not trip
			}

			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_PAYLOAD_TYPE, resealed(t, schemas.KindPulse.PayloadType(), payload, c.zone.Governors...))
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_RECORD, resealed(t, governanceType, payload[:len(payload)-1], c.zone.Governors...))
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_RECORD, resealed(t, governanceType, append(slices.Clip(payload), 0x78, 1), c.zone.Governors...))
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_LEDGER, c.zone.Seal(foreign))
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_LEDGER, c.zone.Seal(none))
			c.refused(short, resealed(t, governanceType, payload, stranger))
			c.refused(short, resealed(t, governanceType, payload, stranger, stranger))

			if _, err := c.apply(good, watcher); err != nil {
				t.Fatal(err)
			}
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_REPLAY, good)
			c.refusedFrom(watcher, pb.Reason_REASON_NOISE_REPLAY, resealed(t, governanceType, payload, c.zone.Governors...))

			fresh := before(t, 2, 3)
			fresh.refusedFrom(watcher, pb.Reason_REASON_NOISE_GENESIS, good)
		})
	}
}

func TestThresholds(t *testing.T) {
	g := func(indexes ...int) []*trust.SigningKey {
		var keys []*trust.SigningKey
		for _, i := range indexes {
			keys = append(keys, trusttest.Governor(i))
		}
		return keys
	}
	tests := []struct {
		name   string
		record func(c *chain, halt trust.Digest) *pb.Governance
		keys   []*trust.SigningKey
		ok     bool
	}{
		{"release by 2", release, g(0, 2), true},
		{"release by 1", release, g(1), false},
		{"release by 1 twice", release, g(1, 1, 1), false},
		{"release by 1 and a stranger", release, g(1, 7), false},
		{"loss by 2", loss, g(0, 1), true},
		{"loss by 1", loss, g(1), false},
		{"loss by 1 twice", loss, g(2, 2), false},
		{"seal by 2", seal, g(0, 2), true},
		{"seal by 1", seal, g(0), false},
		{"seal by 1 and a stranger", seal, g(0, 7), false},
		{"resume by 2", resume, g(1, 2), true},
		{"resume by 1", resume, g(1), false},
		{"resume by 1 twice", resume, g(1, 1), false},
		{"halt by 1", halt, g(2), true},
		{"halt by a stranger", halt, g(7), false},
		{"revoke an identity by 1", revoke(trusttest.RevokeIdentity(watcher)), g(0), true},
		{"revoke an identity by a stranger", revoke(trusttest.RevokeIdentity(watcher)), g(7), false},
		{"revoke a key by 1", revoke(trusttest.RevokeKey(trust.KeyID{1})), g(0), true},
		{"revoke a governor by 1", revoke(trusttest.RevokeKey(trusttest.Governor(2).ID())), g(0), false},
		{"revoke a governor by himself", revoke(trusttest.RevokeKey(trusttest.Governor(2).ID())), g(2), false},
		{"revoke a governor by 2", revoke(trusttest.RevokeKey(trusttest.Governor(2).ID())), g(0, 1), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := begun(t, 2, 3)
			sealed := c.zone.Seal(test.record(c, c.must(c.halt())), test.keys...)
			if test.ok {
				c.must(sealed)
			} else {
				c.refused(pb.Reason_REASON_NOISE_THRESHOLD, sealed)
			}
		})
	}
}

func release(c *chain, _ trust.Digest) *pb.Governance { return trusttest.Released(c.next()) }
func resume(_ *chain, id trust.Digest) *pb.Governance { return trusttest.Resume(id) }
func halt(_ *chain, _ trust.Digest) *pb.Governance    { return trusttest.Halt(global, "") }
func revoke(r *pb.Governance) func(*chain, trust.Digest) *pb.Governance {
	return func(*chain, trust.Digest) *pb.Governance { return r }
}

func TestGenesisRefused(t *testing.T) {
	keys := []*trust.SigningKey{trusttest.Governor(0), trusttest.Governor(1)}
	tests := []struct {
		name   string
		change func(*pb.Governance)
		keys   []*trust.SigningKey
		want   pb.Reason
	}{
		{"it names a ledger", func(r *pb.Governance) { r.Ledger = make([]byte, 32) }, keys, pb.Reason_REASON_NOISE_GENESIS},
		{"no trust domain of SPIFFE", func(r *pb.Governance) { r.GetGenesis().TrustDomain = "Example.test" }, keys, pb.Reason_REASON_NOISE_GENESIS},
		{"no zone", func(r *pb.Governance) { r.GetGenesis().Zone = "" }, keys, pb.Reason_REASON_NOISE_RECORD},
		{"no governor", func(r *pb.Governance) { r.GetGenesis().Governors = nil }, keys, pb.Reason_REASON_NOISE_RECORD},
		{"one key twice", func(r *pb.Governance) { r.GetGenesis().Governors[1].PublicKey = keys[0].Public().Bytes() }, keys, pb.Reason_REASON_NOISE_GENESIS},
		{"one name twice", func(r *pb.Governance) { r.GetGenesis().Governors[1].Name = "g0" }, keys, pb.Reason_REASON_NOISE_GENESIS},
		{"threshold out of reach", func(r *pb.Governance) { r.GetGenesis().Thresholds.Resume = 3 }, keys, pb.Reason_REASON_NOISE_GENESIS},
		{"threshold 0", func(r *pb.Governance) { r.GetGenesis().Thresholds.Release = 0 }, keys, pb.Reason_REASON_NOISE_RECORD},
		{"too few signers", func(*pb.Governance) {}, keys[:1], pb.Reason_REASON_NOISE_THRESHOLD},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			record := trusttest.Genesis(2, keys...)
			test.change(record)
			payload := marshalUnchecked(t, record)
			c := before(t, 2, 2)
			c.state = New(trust.DigestOf(payload)) // pinned, and yet
			c.refused(test.want, resealed(t, governanceType, payload, test.keys...))
		})
	}
	t.Run("not the pinned one", func(t *testing.T) {
		c := before(t, 1, 1)
		c.refused(pb.Reason_REASON_NOISE_GENESIS, trusttest.NewZone(1, 2).Genesis)
	})
	t.Run("a second one", func(t *testing.T) {
		c := begun(t, 1, 1)
		c.refused(pb.Reason_REASON_NOISE_REPLAY, c.zone.Genesis)
		c.refused(pb.Reason_REASON_NOISE_GENESIS, trusttest.NewZone(1, 2).Genesis)
	})
}

func TestReleaseChain(t *testing.T) {
	tests := []struct {
		name   string
		mutate func(c *chain, p *pb.Release)
		want   pb.Reason // 0: it takes effect
	}{
		{"as it should be", func(*chain, *pb.Release) {}, 0},
		{"a version left out", func(_ *chain, p *pb.Release) { p.Version++ }, pb.Reason_REASON_NOISE_CHAIN},
		{"rolled back", func(_ *chain, p *pb.Release) { p.Version-- }, pb.Reason_REASON_NOISE_CHAIN},
		{"replacing genesis again", func(c *chain, p *pb.Release) { p.Replaces = c.zone.Ledger[:] }, pb.Reason_REASON_NOISE_CHAIN},
		{"replacing another", func(_ *chain, p *pb.Release) { p.Replaces = make([]byte, 32) }, pb.Reason_REASON_NOISE_CHAIN},
		{"expired", func(c *chain, p *pb.Release) { p.Expires = timestamppb.New(c.now.Add(time.Second)) }, pb.Reason_REASON_NOISE_CHAIN},
		{"expiring right after", func(c *chain, p *pb.Release) { p.Expires = timestamppb.New(c.now.Add(time.Second + 1)) }, 0},
		{"not yet valid", func(c *chain, p *pb.Release) { p.NotBefore = timestamppb.New(c.now.Add(time.Second + 1)) }, pb.Reason_REASON_NOISE_CHAIN},
		{"valid from now", func(c *chain, p *pb.Release) { p.NotBefore = timestamppb.New(c.now.Add(time.Second)) }, 0},
		{"times that wrap around", func(_ *chain, p *pb.Release) { p.Expires.Seconds = 1<<63 - 1 }, pb.Reason_REASON_NOISE_RECORD},
		{"not holding together", func(_ *chain, p *pb.Release) { p.DecisionThreshold = 2 }, pb.Reason_REASON_NOISE_RECORD},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := begun(t, 1, 1)
			c.must(c.release())
			p := c.next()
			test.mutate(c, p)
			record := trusttest.Released(p)
			record.Ledger, record.Id = c.zone.Ledger[:], make([]byte, 16)
			sealed := resealed(t, governanceType, marshalUnchecked(t, record), c.zone.Governors...)
			if test.want != 0 {
				c.refused(test.want, sealed)
				return
			}
			if id := c.must(sealed); c.state.Release().Digest != id || c.state.Release().Proto.GetVersion() != 3 {
				t.Errorf("release %d is in force", c.state.Release().Proto.GetVersion())
			}
		})
	}
}

// TestTwoReleasesAtOnce: the first in order wins, the other is void, for good.
func TestTwoReleasesAtOnce(t *testing.T) {
	c := begun(t, 1, 1)
	first := c.release(func(p *pb.Release) { p.Note = "first" })
	second := c.release(func(p *pb.Release) { p.Note = "second" })
	c.must(first)
	c.refused(pb.Reason_REASON_NOISE_CHAIN, second)
	c.must(c.release())
	c.refused(pb.Reason_REASON_NOISE_CHAIN, second)
	c.refused(pb.Reason_REASON_NOISE_REPLAY, first)
}

// TestHaltsSurviveARelease: only a resume lifts a halt.
func TestHaltsSurviveARelease(t *testing.T) {
	c := begun(t, 1, 1)
	id := c.must(c.halt())
	c.must(c.release())
	if h, halted := c.state.Halted(anywhere); !halted || h.ID != id {
		t.Errorf("after a release %+v, %v", h, halted)
	}
}

func TestChangeOfGovernors(t *testing.T) {
	old, young := []*trust.SigningKey{trusttest.Governor(0), trusttest.Governor(1)}, []*trust.SigningKey{trusttest.Governor(7), trusttest.Governor(8)}
	change := func(p *pb.Release) { p.Governors = trusttest.Roster(young...) }
	c := begun(t, 2, 2)
	for name, keys := range map[string][]*trust.SigningKey{
		"the old alone":           old,
		"the new alone":           young,
		"the old and one new":     {old[0], old[1], young[0]},
		"one old and the new":     {old[0], young[0], young[1]},
		"one of each, both twice": {old[0], young[0], old[0], young[0]},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Released(c.next(change)), keys...))
		})
	}
	c.t = t
	c.must(c.zone.Seal(trusttest.Released(c.next(change)), append(young, old...)...))
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Halt(global, ""), old...))
	c.must(c.zone.Seal(trusttest.Halt(global, ""), young[0]))
}

// TestThresholdChange: a higher threshold binds the very release that brings it.
func TestThresholdChange(t *testing.T) {
	c := begun(t, 1, 2)
	raise := func(p *pb.Release) { p.Thresholds = &pb.GovernorThresholds{Release: 2, Resume: 2} }
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Released(c.next(raise)), c.zone.Governors[0]))
	c.must(c.zone.Seal(trusttest.Released(c.next(raise)), c.zone.Governors...))
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Released(c.next()), c.zone.Governors[1]))
}

func TestRevokedGovernor(t *testing.T) {
	c := begun(t, 2, 3)
	g := c.zone.Governors
	c.must(c.zone.Seal(trusttest.RevokeKey(g[2].ID()), g[0], g[1]))
	if len(c.state.Governors()) != 2 || !c.state.Revoked(g[2].ID(), "") {
		t.Error("the governor is not revoked")
	}
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Halt(global, ""), g[2]))
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Released(c.next()), g[0], g[2]))
	// A release that still names him brings him not back, and he does not count for it.
	c.must(c.zone.Seal(trusttest.Released(c.next()), g[0], g[1]))
	if len(c.state.Governors()) != 2 {
		t.Error("a release brought a revoked governor back")
	}
}

// TestRevokedNewGovernor: a revoked key counts not even for the roster that a
// release brings.
func TestRevokedNewGovernor(t *testing.T) {
	c := begun(t, 2, 2)
	g, revoked, young := c.zone.Governors, trusttest.Governor(7), trusttest.Governor(8)
	c.must(c.zone.Seal(trusttest.RevokeKey(revoked.ID()), g[0]))
	record := trusttest.Released(c.next(func(p *pb.Release) { p.Governors = trusttest.Roster(revoked, young) }))
	c.refused(pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(record, g[0], g[1], revoked, young))
}

func TestRevoke(t *testing.T) {
	c := begun(t, 1, 1)
	key := trusttest.Key("some participant").ID()
	c.must(c.zone.Seal(trusttest.RevokeKey(key)))
	c.must(c.zone.Seal(trusttest.RevokeIdentity(watcher)))
	for _, test := range []struct {
		key  trust.KeyID
		id   string
		want bool
	}{
		{key, "", true},
		{key, agentID, true},
		{trust.KeyID{}, watcher.String(), true},
		{trust.KeyID{}, agentID, false},
	} {
		if got := c.state.Revoked(test.key, test.id); got != test.want {
			t.Errorf("Revoked(%s, %q) = %v", test.key.Short(), test.id, got)
		}
	}
	if !c.state.RevokedID(watcher.String()) || c.state.RevokedID(agentID) {
		t.Error("RevokedID differs")
	}
	c.must(c.release())
	if !c.state.RevokedID(watcher.String()) || !c.state.Revoked(key, "") {
		t.Error("a release lifted a revocation")
	}
}

// TestRevokeNobody: a misspelt identity is refused, or its governor would
// believe that somebody is revoked.
func TestRevokeNobody(t *testing.T) {
	c := begun(t, 1, 1)
	record := trusttest.RevokeIdentity(watcher)
	record.GetRevoke().Subject = &pb.Revoke_SpiffeId{SpiffeId: "alice"}
	c.refused(pb.Reason_REASON_NOISE_RECORD, c.zone.Seal(record))
}

func TestTrip(t *testing.T) {
	c := begun(t, 1, 1)
	agent := trusttest.ID(pb.Role_ROLE_AGENT, "alice")
	c.refused(pb.Reason_REASON_NOISE_ROLE, c.zone.Seal(trusttest.Trip()))
	c.refusedFrom(agent, pb.Reason_REASON_NOISE_ROLE, c.zone.Seal(trusttest.Trip()))
	effect, err := c.apply(c.zone.Seal(trusttest.Trip(), trusttest.Key("sentinel")), watcher)
	if err != nil {
		t.Fatal(err)
	}
	h, halted := c.state.Halted(anywhere)
	if !halted || h.ID != effect.ID || h.Rule != "heartbeat.missing" || h.Sequence != c.seq || !h.Time.Equal(c.now) {
		t.Errorf("the trip is in force as %+v, %v", h, halted)
	}
	// A sentinel trips and does nothing else: it lifts no trip of its own.
	c.refusedFrom(watcher, pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Resume(effect.ID), trusttest.Key("sentinel")))
	c.refusedFrom(watcher, pb.Reason_REASON_NOISE_THRESHOLD, c.zone.Seal(trusttest.Halt(global, ""), trusttest.Key("sentinel")))
	c.must(c.zone.Seal(trusttest.Resume(effect.ID)))
}

func TestResume(t *testing.T) {
	c := begun(t, 1, 1)
	first, second, third := c.must(c.halt()), c.must(c.halt()), c.must(c.halt())
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(trusttest.Resume(first, trust.Digest{1}))) // all or none
	if len(c.state.Halts()) != 3 {
		t.Fatal("a refused resume lifted a halt")
	}
	lift := c.zone.Seal(trusttest.Resume(first, third))
	c.must(lift)
	if halts := c.state.Halts(); len(halts) != 1 || halts[0].ID != second {
		t.Fatalf("%d halts are left", len(halts))
	}
	again := c.must(c.halt())
	c.refused(pb.Reason_REASON_NOISE_REPLAY, lift)
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(trusttest.Resume(first)))
	c.must(c.zone.Seal(trusttest.Resume(second, again, again))) // named twice, lifted once
	if _, halted := c.state.Halted(anywhere); halted {
		t.Error("still halted")
	}
}

// TestReplayedHalt: an old halt cannot be used to stop a zone again.
func TestReplayedHalt(t *testing.T) {
	c := begun(t, 1, 1)
	old := c.halt()
	id := c.must(old)
	c.must(c.zone.Seal(trusttest.Resume(id)))
	c.refused(pb.Reason_REASON_NOISE_REPLAY, old)
	if _, halted := c.state.Halted(anywhere); halted {
		t.Error("the old halt is in force again")
	}
}

func marshalUnchecked(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
