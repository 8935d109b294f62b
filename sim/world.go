package sim

import (
	"fmt"
	"time"

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

	acts     []Act
	verdicts map[ledger.Position]spoken
	failure  *Failure
	trace    func(string)
}

// cast is everybody with a credential; making it costs more than a run.
var cast = func() map[string]trusttest.Member {
	ca, all := trusttest.NewCA(), map[string]trusttest.Member{}
	for _, m := range []trusttest.Member{
		ca.Member(pb.Role_ROLE_AGENT, "alice"), ca.Member(pb.Role_ROLE_AGENT, "bob"),
		ca.Member(pb.Role_ROLE_ENFORCER, "e1"), ca.Member(pb.Role_ROLE_ENFORCER, "e2"), ca.Member(pb.Role_ROLE_ENFORCER, "e3"),
		ca.Member(pb.Role_ROLE_EXECUTOR, "x1"), ca.Member(pb.Role_ROLE_EXECUTOR, "x2"), ca.Member(pb.Role_ROLE_SENTINEL, "s1"),
	} {
		all[m.ID.Name] = m
	}
	return all
}

func newWorld(cfg Config, flaw Flaw, people map[string]trusttest.Member, trace func(string)) *World {
	w := &World{
		cfg: cfg, flaw: flaw, zone: trusttest.NewZone(2, 3), keys: ledger.NewKeys(), trace: trace,
		firsts: map[string]uint64{}, rules: map[trust.Digest]*verdict.Rules{}, verdicts: map[ledger.Position]spoken{},
	}
	w.alice, w.bob = newAgent(w, people["alice"]), newAgent(w, people["bob"])
	w.populate(people)
	w.begin(people)
	for _, n := range w.nodes {
		n.start()
	}
	return w
}

func (w *World) populate(people map[string]trusttest.Member) {
	for i, name := range []string{"e1", "e2", "e3"} {
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

func (w *World) newNode(m trusttest.Member, r reading) *node {
	n := &node{
		w: w, member: m, name: m.ID.Name, reads: r, rate: w.cfg.Rates[m.ID.Name],
		hide: map[schemas.Kind]int{}, hidden: map[uint64]bool{},
	}
	w.nodes = append(w.nodes, n)
	return n
}

// begin writes what every ledger begins with.
func (w *World) begin(people map[string]trusttest.Member) {
	genesis := trusttest.Payload(w.zone.Genesis)
	w.append(message{schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, ""), w.zone.Genesis, Truth{
		By: "governors", Kind: schemas.KindGovernance, Note: "genesis", Record: trusttest.Genesis(2, w.zone.Governors...), Payload: genesis, Signers: 3,
	}})
	w.append(w.release(w.zone.Ledger, 0))
	for _, name := range []string{"alice", "bob", "e1", "e2", "e3", "x1", "x2", "s1"} {
		m := people[name]
		w.append(message{schemas.Subject(trusttest.ZoneName, schemas.KindCredential, name), m.Credential, Truth{
			By: name, Kind: schemas.KindCredential, Note: "credential of " + name,
		}})
	}
}

// rulesOf compiles each release once.
func (w *World) rulesOf(f *ledger.Fold) *verdict.Rules {
	release := f.Governance().Release()
	if release == nil {
		return nil
	}
	rules := w.rules[release.Digest]
	if rules == nil {
		rules = verdict.Compile(release)
		if rules.Err != nil {
			panic(rules.Err) // the simulator's own policies
		}
		w.rules[release.Digest] = rules
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
