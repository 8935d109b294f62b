package governance

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	global  = pb.ScopeKind_SCOPE_KIND_GLOBAL
	agentID = "spiffe://example.test/z1/agent/alice"
)

var watcher = trusttest.ID(pb.Role_ROLE_SENTINEL, "s1")

// chain is a governance chain that a test writes, and its fold.
type chain struct {
	t     testing.TB
	zone  *trusttest.Zone
	state *State
	seq   uint64
	now   time.Time
}

// before is a chain without any record.
func before(t testing.TB, need uint32, governors int) *chain {
	t.Helper()
	zone := trusttest.NewZone(need, governors)
	return &chain{t: t, zone: zone, state: New(zone.Ledger), now: trusttest.Start}
}

// begun is a chain of genesis and release 1.
func begun(t testing.TB, need uint32, governors int) *chain {
	t.Helper()
	c := before(t, need, governors)
	c.must(c.zone.Genesis)
	c.must(c.release())
	return c
}

// next is the release that follows the one in force.
func (c *chain) next(mutators ...func(*pb.Release)) *pb.Release {
	version, replaces := c.state.releasePoint()
	return c.zone.Release(append([]func(*pb.Release){func(p *pb.Release) {
		p.Version, p.Replaces = version+1, replaces[:]
	}}, mutators...)...)
}

func (c *chain) release(mutators ...func(*pb.Release)) []byte {
	return c.zone.Seal(trusttest.Released(c.next(mutators...)))
}

func (c *chain) halt() []byte { return c.zone.Seal(trusttest.Halt(global, ""), c.zone.Governors[0]) }

// apply folds one envelope, one second after the last, and checks that a refusal
// changes nothing and an effect opens exactly one epoch.
func (c *chain) apply(data []byte, sentinel trust.Identity) (Effect, error) {
	c.t.Helper()
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		c.t.Fatal(err)
	}
	c.seq, c.now = c.seq+1, c.now.Add(time.Second)
	was := snapshot(c.state)
	effect, err := c.state.Apply(Record{Sequence: c.seq, Time: c.now, Envelope: env, Sentinel: sentinel})
	switch {
	case err != nil && schemas.ReasonOf(err) == pb.Reason_REASON_UNSPECIFIED:
		c.t.Fatalf("refused without a reason of the table: %v", err)
	case err != nil && !reflect.DeepEqual(was, snapshot(c.state)):
		c.t.Fatalf("refused (%v), and yet the state changed", err)
	case err == nil && (c.state.Epoch() != was.Epoch()+1 || effect.Epoch != c.state.Epoch() || effect.ID != trust.DigestOf(env.Payload)):
		c.t.Fatalf("effect %s opened epoch %d after %d", effect.ID.Short(), effect.Epoch, was.Epoch())
	}
	return effect, err
}

func (c *chain) must(data []byte) trust.Digest {
	c.t.Helper()
	effect, err := c.apply(data, trust.Identity{})
	if err != nil {
		c.t.Fatal(err)
	}
	return effect.ID
}

func (c *chain) refused(want pb.Reason, data []byte) {
	c.t.Helper()
	c.refusedFrom(trust.Identity{}, want, data)
}

func (c *chain) refusedFrom(sentinel trust.Identity, want pb.Reason, data []byte) {
	c.t.Helper()
	if _, err := c.apply(data, sentinel); schemas.ReasonOf(err) != want {
		c.t.Errorf("%v, want %s", err, schemas.ReasonCode(want))
	}
}

// snapshot is the state with containers of its own, for comparing.
func snapshot(s *State) *State {
	c := *s
	c.governors, c.halts, c.applied = maps.Clone(s.governors), maps.Clone(s.halts), maps.Clone(s.applied)
	c.revoked, c.banned = maps.Clone(s.revoked), maps.Clone(s.banned)
	c.chain = slices.Clone(s.chain)
	return &c
}

// resealed signs the payload of an envelope under another type or by other keys.
func resealed(t testing.TB, payloadType string, payload []byte, keys ...*trust.SigningKey) []byte {
	t.Helper()
	data, err := trust.Seal(payloadType, payload, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
