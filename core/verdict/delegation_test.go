package verdict_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// chain is two links, alice → bob → carol, that a case may break before they
// are signed, and how they are signed.
type chain struct {
	*world
	links   []*pb.Delegation
	signers []trusttest.Member
	seal    func(i int, payload []byte) []byte
}

func newChain(w *world) *chain {
	expires := timestamppb.New(w.now.Add(time.Minute))
	link := func(from, to trusttest.Member, depth uint32, tools ...string) *pb.Delegation {
		return &pb.Delegation{Ledger: w.zone.Ledger[:], Delegator: from.SPIFFE(), Delegate: to.SPIFFE(), Tools: tools, Depth: depth, Expires: expires}
	}
	c := &chain{
		world:   w,
		links:   []*pb.Delegation{link(w.alice, w.bob, 2, "read", "pay"), link(w.bob, w.carol, 1, "read")},
		signers: []trusttest.Member{w.alice, w.bob},
	}
	c.seal = func(i int, payload []byte) []byte { return c.signers[i].Seal(schemas.KindDelegation, payload) }
	return c
}

// ask lets carol read on behalf of whoever the chain says.
func (c *chain) ask() *pb.Decision {
	return c.world.ask(c.carol, func(in *pb.Intent) {
		for i, link := range c.links {
			in.Delegation = append(in.Delegation, c.seal(i, encode(c.tb, link)))
		}
	})
}

// forAlice permits what is done on alice's behalf and nothing else.
const forAlice = `@id("alice") permit (principal, action == Action::"read", resource)
	when { context has delegator && context.delegator == Agent::"spiffe://example.test/z1/agent/alice" };`

func enrolCarol(p *pb.Release) {
	p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_AGENT, "carol", "read"))
}

func TestDelegation(t *testing.T) {
	refused := []pb.Reason{delegationInvalid, policyDefaultDeny}
	for _, test := range []struct {
		name   string
		change func(c *chain)
		want   []pb.Reason
	}{
		{"holds", func(*chain) {}, nil},
		{"one link holds", func(c *chain) {
			c.links, c.signers = c.links[:1], c.signers[:1]
			c.links[0].Delegate = c.carol.SPIFFE()
		}, nil},
		{"just before its end", func(c *chain) { c.now = c.now.Add(time.Minute - 1) }, nil},
		{"another root", func(c *chain) {
			c.links[0].Delegator, c.signers[0] = c.carol.SPIFFE(), c.carol
			c.links[0].Tools = []string{"read"}
		}, []pb.Reason{policyError}}, // the agent is its own delegator
		{"another root holds", func(c *chain) { c.links, c.signers = c.links[1:], c.signers[1:] }, []pb.Reason{policyDefaultDeny}},

		{"at its end", func(c *chain) { c.now = c.now.Add(time.Minute) }, refused},
		{"the first ends sooner", func(c *chain) { c.links[0].Expires = timestamppb.New(c.now) }, refused},
		{"the second outlives the first", func(c *chain) {
			c.links[1].Expires = timestamppb.New(c.links[0].GetExpires().AsTime().Add(1))
		}, refused},
		{"the second has a tool more", func(c *chain) { c.links[0].Tools = []string{"read"}; c.links[1].Tools = []string{"read", "pay"} }, refused},
		{"without the tool", func(c *chain) { c.links[0].Tools = []string{"pay"}; c.links[1].Tools = []string{"pay"} }, refused},
		{"tool in the first only", func(c *chain) { c.links[1].Tools = []string{"pay"} }, refused},
		{"tool that the root lacks", func(c *chain) {
			c.release(enrolCarol, policies(forAlice), alicesEntry(func(e *pb.Identity) { e.Tools = []string{"read"} }))
		}, refused},
		{"tool that is none", func(c *chain) { c.links[0].Tools = []string{"read", "fly"} }, refused},
		{"depth spent", func(c *chain) { c.links[0].Depth, c.links[1].Depth = 0, 0 }, refused},
		{"depth not less", func(c *chain) { c.links[1].Depth = 2 }, refused},
		{"last delegate is another", func(c *chain) { c.links[1].Delegate = c.alice.SPIFFE() }, refused},
		{"links do not connect", func(c *chain) { c.links[0].Delegate = c.carol.SPIFFE() }, refused},
		{"wrong order", func(c *chain) {
			c.links[0], c.links[1] = c.links[1], c.links[0]
			c.signers[0], c.signers[1] = c.signers[1], c.signers[0]
		}, refused},
		{"signed by the delegate", func(c *chain) { c.signers[0] = c.bob }, refused},
		{"signed by nobody known", func(c *chain) { c.signers[0] = trusttest.NewMember(pb.Role_ROLE_AGENT, "dave") }, refused},
		{"in the name of another", func(c *chain) { c.links[0].Delegator = c.carol.SPIFFE() }, refused},
		{"of another ledger", func(c *chain) { c.links[1].Ledger = make([]byte, 32) }, refused},
		{"tampered", func(c *chain) {
			seal := c.seal
			c.seal = func(i int, payload []byte) []byte {
				data := seal(i, payload)
				data[len(data)-1] ^= 1 // the signature's last byte
				return data
			}
		}, refused},
		{"signed twice", func(c *chain) {
			seal := c.seal
			c.seal = func(i int, payload []byte) []byte {
				data, err := trust.AddSignature(seal(i, payload), c.alice.Key)
				if err != nil {
					c.tb.Fatal(err)
				}
				return data
			}
		}, refused},
		{"signed as something else", func(c *chain) {
			c.seal = func(i int, payload []byte) []byte { return c.signers[i].Seal(schemas.KindIntent, payload) }
		}, refused},
		{"with an unknown field", func(c *chain) {
			seal := c.seal
			c.seal = func(i int, payload []byte) []byte { return seal(i, append(payload, 0xf8, 0x07, 0x01)) }
		}, refused},
		{"without tools", func(c *chain) { c.links[1].Tools = nil }, refused},
		{"of a delegator revoked since", func(c *chain) { c.govern(trusttest.RevokeIdentity(c.bob.ID)) }, refused},
		{"of a key revoked since", func(c *chain) { c.govern(trusttest.RevokeKey(c.alice.Key.ID())) }, refused},
		{"of a delegator no longer enrolled", func(c *chain) { c.release(enrolCarol, policies(forAlice), without("bob")) }, refused},
		{"by one who is no agent", func(c *chain) {
			executor := trusttest.NewMember(pb.Role_ROLE_EXECUTOR, "x1")
			c.introduce(executor)
			c.links[0].Delegator, c.signers[0] = executor.SPIFFE(), executor
		}, refused},
		{"no envelope", func(c *chain) { c.seal = func(int, []byte) []byte { return []byte("no envelope") } }, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChain(newWorld(t, enrolCarol, policies(forAlice)))
			test.change(c)
			wantReasons(t, c.ask(), test.want...)
		})
	}
}

// TestDelegationGrantsNothing: a delegate needs the directory's grant as well.
func TestDelegationGrantsNothing(t *testing.T) {
	w := newWorld(t, policies(forAlice), func(p *pb.Release) {
		p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_AGENT, "carol", "pay"))
	})
	wantReasons(t, newChain(w).ask(), toolForbidden)
}
