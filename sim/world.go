package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// World is one run.
type World struct {
	cfg  Config
	flaw Flaw
	zone *trusttest.Zone
	keys *ledger.Keys // shared: a signature that one follower verified is verified

	now     time.Duration // true time since the beginning
	lie     time.Duration // the broker's clock minus true time
	entries []*entry
	firsts  map[string]uint64
	flights []*flight

	alice, bob *agent
	nodes      []*node
	enforcers  []*enforcer
	executors  []*executor
	sentinel   *sentinel

	rules    map[trust.Digest]*verdict.Rules
	released uint64 // version of the newest release that was sent
	records  uint64 // governance records made
	answers  uint64 // approvals made

	introduced map[string]bool

	tale   *History // told: what the ledger means up to toldTo
	toldTo uint64

	acts     []Act
	betrayed int // followers that a span told so
	seconds  int // second acts of executors that were shown another ledger
	approved int // acts that policy wanted approved
	verdicts map[ledger.Position]spoken
	states   map[uint64]stateAt
	failure  *Failure
	found    []audit.Finding
	trace    func(string)
}

// people is everybody with a credential, and ground what every ledger stands on.
// Making them costs more than a run.
var (
	people = cast()
	ground = trusttest.NewZone(2, 3)
)

func cast() map[string]trusttest.Member {
	ca, all := trusttest.NewCA(), map[string]trusttest.Member{}
	for role, names := range map[pb.Role][]string{
		pb.Role_ROLE_AGENT: {"alice", "bob"}, pb.Role_ROLE_ENFORCER: {"e1", "e2", "e3"}, pb.Role_ROLE_EXECUTOR: {"x1", "x2"},
		pb.Role_ROLE_SENTINEL: {"s1"}, pb.Role_ROLE_APPROVER: {"p1", "p2", "p3", standIn},
	} {
		for _, name := range names {
			all[name] = ca.Member(role, name)
		}
	}
	return all
}

func newWorld(cfg Config, flaw Flaw, trace func(string)) *World {
	w := &World{
		cfg: cfg, flaw: flaw, zone: ground, keys: ledger.NewKeys(), trace: trace, tale: newHistory(nil), introduced: map[string]bool{},
		firsts: map[string]uint64{}, rules: map[trust.Digest]*verdict.Rules{}, verdicts: map[ledger.Position]spoken{}, states: map[uint64]stateAt{},
	}
	w.alice, w.bob = newAgent(w, people["alice"]), newAgent(w, people["bob"])
	w.populate()
	w.begin()
	for _, n := range w.nodes {
		n.start()
	}
	return w
}

func (w *World) populate() {
	for i, name := range w.enforcerNames() {
		e := &enforcer{node: w.newNode(people[name], readsDecisions), rank: i, liar: i < w.cfg.Liars}
		e.node.actor = e
		w.enforcers = append(w.enforcers, e)
	}
	for _, name := range []string{"x1", "x2"} {
		x := &executor{node: w.newNode(people[name], readsClaims)}
		x.node.actor = x
		w.executors = append(w.executors, x)
	}
	w.sentinel = &sentinel{node: w.newNode(people["s1"], readsBase)}
	w.sentinel.node.actor = w.sentinel
}

func (w *World) enforcerNames() []string { return []string{"e1", "e2", "e3"}[:w.cfg.Enforcers] }

func (w *World) newNode(m trusttest.Member, r reading) *node {
	n := &node{
		w: w, member: m, name: m.ID.Name, reads: r, rate: w.cfg.Rates[m.ID.Name],
		shown: map[uint64]*entry{},
	}
	w.nodes = append(w.nodes, n)
	return n
}

// begin writes what every ledger begins with.
func (w *World) begin() {
	genesis := trusttest.Payload(w.zone.Genesis)
	w.append(message{schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, ""), w.zone.Genesis, Truth{
		By: "governors", Kind: schemas.KindGovernance, Note: "genesis", Record: trusttest.Genesis(2, w.zone.Governors...), Payload: genesis, Signers: 3,
	}})
	w.append(w.release(w.zone.Ledger, plain))
	for _, name := range slices.Concat([]string{"alice", "x1", "x2", "s1"}, w.enforcerNames()) {
		w.introduce(name)
	}
	if w.flaw != (Flaw{}) {
		w.introduce(standIn)
	}
}

// introduce writes somebody's credential, once: those who may never say anything
// are introduced when they first do.
func (w *World) introduce(name string) {
	if w.introduced[name] {
		return
	}
	w.introduced[name] = true
	w.append(message{schemas.Subject(trusttest.ZoneName, schemas.KindCredential, name), people[name].Credential, Truth{
		By: name, Kind: schemas.KindCredential, Note: "credential of " + name,
	}})
}

// firstRules are those of the releases with which ledgers begin: a handful.
var firstRules sync.Map // trust.Digest → *verdict.Rules

// rulesOf compiles each release once.
func (w *World) rulesOf(f *ledger.Fold) *verdict.Rules {
	release := f.Governance().Release()
	if release == nil {
		return nil
	}
	if rules := w.rules[release.Digest]; rules != nil {
		return rules
	}
	if release.Proto.GetVersion() > 1 {
		w.rules[release.Digest] = compiled(release)
		return w.rules[release.Digest]
	}
	first, known := firstRules.Load(release.Digest)
	if !known {
		first, _ = firstRules.LoadOrStore(release.Digest, compiled(release))
	}
	w.rules[release.Digest], _ = first.(*verdict.Rules)
	return w.rules[release.Digest]
}

func compiled(release *governance.Release) *verdict.Rules {
	rules := verdict.Compile(release)
	if rules.Err != nil {
		panic(rules.Err) // the simulator's own policies
	}
	return rules
}

func (w *World) logf(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%9.3fs  ", w.now.Seconds()) + fmt.Sprintf(format, args...))
	}
}

// sealList makes a message of one member's list.
func (w *World) sealList(m trusttest.Member, kind schemas.Kind, token string, t Truth) message {
	data := m.List(kind, w.zone.Ledger, t.Items...)
	w.keys.Vouch(data)
	t.By, t.Kind = m.ID.Name, kind
	return message{schemas.Subject(trusttest.ZoneName, kind, token), data, t}
}
