package governance

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var lostRoot = trust.DigestOf([]byte("lost"))

func lossOf(size, kept uint64) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Loss{Loss: &pb.Loss{
		Lost: &pb.CheckpointHead{Size: size, Root: lostRoot[:]}, Kept: kept, Reason: "a test lost it",
	}}}
}

func loss(*chain, trust.Digest) *pb.Governance { return lossOf(900, 2) }
func seal(*chain, trust.Digest) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "a test seals"}}}
}

// TestLoss: each loss that governors sign for begins another tree, and a loss
// that cannot be one is refused.
func TestLoss(t *testing.T) {
	c := begun(t, 1, 1)
	origin := func() string {
		keys, err := c.state.LogKeys()
		if err != nil {
			t.Fatal(err)
		}
		return keys.Origin()
	}
	first := origin()
	if want := lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, c.zone.Ledger, 0); first != want {
		t.Errorf("origin %s, want %s", first, want)
	}
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(lossOf(2, 2)))     // nothing was lost
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(lossOf(900, 901))) // more was kept than there was
	c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(lossOf(900, 800))) // more than the ledger holds
	epoch := c.state.Epoch()
	c.must(c.zone.Seal(lossOf(900, 2)))
	if got := origin(); got != first+"/loss-1" || c.state.Epoch() != epoch+1 || len(c.state.Losses()) != 1 {
		t.Errorf("after a loss: origin %s, epoch %d after %d", got, c.state.Epoch(), epoch)
	}
	c.must(c.zone.Seal(lossOf(901, 2)))
	if got := origin(); got != first+"/loss-2" {
		t.Errorf("after two losses: origin %s", got)
	}
}

// TestSeal: after a seal everything is halted and nothing governs, not even a
// resume of what was halted before.
func TestSeal(t *testing.T) {
	c := begun(t, 1, 1)
	id := c.must(c.halt())
	c.must(c.zone.Seal(seal(c, id)))
	if h, halted := c.state.Halted(anywhere); !halted || !c.state.Sealed() || h.Reason != "the ledger is sealed" {
		t.Errorf("a sealed ledger is halted %v by %+v", halted, h)
	}
	for name, record := range map[string]*pb.Governance{
		"resume": trusttest.Resume(id), "halt": trusttest.Halt(global, ""), "release": trusttest.Released(c.next()), "seal": seal(c, id), "loss": lossOf(900, 2),
		"revoke": trusttest.RevokeIdentity(watcher),
	} {
		t.Run(name, func(*testing.T) { c.refused(pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(record)) })
	}
	c.refusedFrom(watcher, pb.Reason_REASON_NOISE_CHAIN, c.zone.Seal(trusttest.Trip()))
}

// TestSigners: an effect names whose signatures made it one.
func TestSigners(t *testing.T) {
	c := before(t, 2, 3)
	signers := func(data []byte, sentinel trust.Identity) string {
		e, err := c.apply(data, sentinel)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(e.Signers(), " ")
	}
	for _, step := range []struct {
		what string
		data func() []byte
		from trust.Identity
		want string
	}{
		{"genesis", func() []byte { return c.zone.Genesis }, trust.Identity{}, "g0 g1 g2"},
		{"release", func() []byte { return c.zone.Seal(trusttest.Released(c.next()), c.zone.Governors[:2]...) }, trust.Identity{}, "g0 g1"},
		{"halt, and a stranger's signature", func() []byte {
			return c.zone.Seal(trusttest.Halt(global, ""), trusttest.Key("stranger"), c.zone.Governors[2])
		}, trust.Identity{}, "g2"},
		{"trip", func() []byte { return c.zone.Seal(trusttest.Trip(), trusttest.Key("s")) }, watcher, watcher.String()},
	} {
		if got := signers(step.data(), step.from); got != step.want {
			t.Errorf("%s: signed by %q, want %q", step.what, got, step.want)
		}
	}
}

// TestLogKeys: whose checkpoints count is in the release, but for whoever is
// revoked.
func TestLogKeys(t *testing.T) {
	c := begun(t, 1, 1)
	text, public, err := trust.GenerateLogKeys()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := trust.ParseLogKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	recorder := &pb.Identity{Name: "r1", Role: pb.Role_ROLE_RECORDER, LogKeys: public}
	c.must(c.release(func(r *pb.Release) {
		r.Directory = append(slices.DeleteFunc(r.GetDirectory(), func(p *pb.Identity) bool { return p.GetName() == "r1" }), recorder)
	}))
	note := func() []byte {
		keys, err := c.state.LogKeys()
		if err != nil {
			t.Fatal(err)
		}
		signer, err := secret.Signer(keys.Origin())
		if err != nil {
			t.Fatal(err)
		}
		data, err := signer.Sign(lineage.Checkpoint{Origin: keys.Origin(), Size: 3}.String(), trusttest.Start)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	open := func(data []byte) error {
		keys, err := c.state.LogKeys()
		if err != nil {
			t.Fatal(err)
		}
		_, err = keys.Open(data)
		return err
	}
	old := note()
	if err := open(old); err != nil {
		t.Fatalf("the recorder's checkpoint: %v", err)
	}
	c.must(c.zone.Seal(lossOf(900, 2)))
	if open(old) == nil {
		t.Error("a checkpoint of the tree before the loss counts")
	}
	if err := open(note()); err != nil {
		t.Errorf("a checkpoint of the new tree: %v", err)
	}
	c.must(c.zone.Seal(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_RECORDER, "r1"))))
	if open(note()) == nil {
		t.Error("a revoked recorder's checkpoint counts")
	}
}
