package streams

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Participant is one workload that may connect: one NATS account of its own
// with one NKey user in it.
type Participant struct {
	Zone  string
	Name  string // unique in its zone
	Role  pb.Role
	Tools []string // executors only: the tools that it serves
	Key   string   // public NKey of the user ("U…"); authenticates the connection, never signs records
}

// scope says what the last token of a granted subject may be.
type scope uint8

const (
	bare     scope = iota // the kind's subject has no last token
	self                  // the participant's own name
	anyTool               // every tool
	ownTools              // the tools that the participant serves
	instance              // <role>.<name> of the participant
)

// grant is the right to append records of one kind.
type grant struct {
	kind  schemas.Kind
	scope scope
}

// roleRights is one row of the table of roles. The zero value has no rights.
type roleRights struct {
	appends         []grant
	reads           []Stream
	sendsAnswers    bool // to any agent of the zone
	receivesAnswers bool // its own only
	verifiesSync    bool // may ask the servers for their settings (VARZ)
	bounded         bool // its account has limits: nobody trusts it
}

// rightsOf is the table of PROTOCOL.md section 2 as the broker enforces it.
// A role that is not in it may do nothing.
var rightsOf = map[pb.Role]roleRights{
	pb.Role_ROLE_AGENT: {
		appends:         []grant{{schemas.KindCredential, self}, {schemas.KindIntent, self}},
		receivesAnswers: true,
		bounded:         true,
	},
	pb.Role_ROLE_ENFORCER: {
		appends:      []grant{{schemas.KindCredential, self}, {schemas.KindDecision, anyTool}, {schemas.KindHeartbeat, instance}},
		reads:        []Stream{Ledger},
		sendsAnswers: true,
		verifiesSync: true,
	},
	pb.Role_ROLE_EXECUTOR: {
		appends:      []grant{{schemas.KindCredential, self}, {schemas.KindClaim, ownTools}, {schemas.KindOutcome, ownTools}, {schemas.KindHeartbeat, instance}},
		reads:        []Stream{Ledger},
		sendsAnswers: true,
		verifiesSync: true,
	},
	pb.Role_ROLE_SENTINEL: {
		appends:      []grant{{schemas.KindCredential, self}, {schemas.KindPulse, bare}, {schemas.KindGovernance, bare}, {schemas.KindHeartbeat, instance}},
		reads:        []Stream{Ledger, Heartbeats, Checkpoints},
		verifiesSync: true,
	},
	// Whoever halts must see who has stopped, and whoever signs for a loss what was lost.
	pb.Role_ROLE_GOVERNOR: {
		appends:      []grant{{schemas.KindGovernance, bare}},
		reads:        []Stream{Ledger, Heartbeats, Checkpoints},
		verifiesSync: true,
	},
	pb.Role_ROLE_APPROVER: {
		appends: []grant{{schemas.KindCredential, self}, {schemas.KindApproval, bare}},
		reads:   []Stream{Ledger},
	},
	pb.Role_ROLE_RECORDER: {
		appends:      []grant{{schemas.KindCredential, self}, {schemas.KindHeartbeat, instance}, {schemas.KindCheckpoint, bare}},
		reads:        []Stream{Ledger, Checkpoints},
		verifiesSync: true,
	},
	pb.Role_ROLE_WITNESS: {
		appends: []grant{{schemas.KindCheckpoint, bare}},
		reads:   []Stream{Checkpoints},
	},
	pb.Role_ROLE_AUDITOR: {
		appends:      []grant{{schemas.KindCredential, self}, {schemas.KindHeartbeat, instance}},
		reads:        []Stream{Ledger, Heartbeats, Checkpoints},
		verifiesSync: true,
	},
}

// varzSubject asks every server for its settings.
const varzSubject = "$SYS.REQ.SERVER.PING.VARZ"

// subjectSet is what one participant may do, in subjects.
type subjectSet struct {
	zone     string
	appends  []string // stored in FABRIC
	offers   []string // the same as FABRIC offers it: to all of a role at once, see offered
	requests []string // answered by FABRIC
	leaders  []Stream // whose leader it may ask
	reads    []string // announcements from FABRIC
	sends    []string // answers out, to agents
	receives []string // answers in, from those who send
	varz     bool
}

// subjects lists what a participant may do.
func (p Participant) subjects() subjectSet {
	r := rightsOf[p.Role]
	set := subjectSet{varz: r.verifiesSync}
	for _, g := range r.appends {
		for _, token := range p.tokens(g.scope) {
			set.appends = append(set.appends, schemas.Subject(p.Zone, g.kind, token))
		}
		for _, token := range p.offered(g.scope) {
			set.offers = append(set.offers, schemas.Subject(p.Zone, g.kind, token))
		}
	}
	for _, s := range r.reads {
		set.reads = append(set.reads, s.live(p.Zone))
		set.requests = append(set.requests, s.directGet(p.Zone))
	}
	set.zone, set.leaders = p.Zone, r.reads
	if r.sendsAnswers {
		set.sends = []string{answerSubject(p.Zone, "*")}
	}
	if r.receivesAnswers {
		set.receives = []string{answerSubject(p.Zone, p.Name)}
	}
	return set
}

func (p Participant) tokens(s scope) []string {
	switch s {
	case bare:
		return []string{""}
	case self:
		return []string{p.Name}
	case anyTool:
		return []string{"*"}
	case ownTools:
		return p.Tools
	case instance:
		return []string{RoleName(p.Role) + "." + p.Name}
	}
	return nil
}

// offered are the tokens under which FABRIC exports what the participant may append
// to. What bears a name of its own is offered to its whole role by one wildcard, from
// which each imports, and may publish on, its own name alone: the server (2.15) looks
// at every export of an account for each that it adds.
func (p Participant) offered(s scope) []string {
	switch s {
	case self:
		return []string{"*"}
	case instance:
		return []string{RoleName(p.Role) + ".*"}
	case bare, anyTool, ownTools:
	}
	return p.tokens(s)
}

// account is the name of the participant's NATS account. Names have no
// underscore, so no two participants share one.
func (p Participant) account() string { return p.Zone + "_" + p.Name }

// RoleName returns the lower-case name of a role as subjects and SPIFFE IDs
// spell it, "" for a role that is none.
func RoleName(r pb.Role) string {
	if _, ok := rightsOf[r]; !ok {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}

func answerSubject(zone, agent string) string {
	return schemas.Subject(zone, schemas.KindAnswer, agent)
}

func (p Participant) check() error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("streams: participant %q: %w", p.Name, fmt.Errorf(format, a...))
	}
	for _, name := range append([]string{p.Zone, p.Name}, p.Tools...) {
		if err := schemas.CheckName(name); err != nil {
			return fail("%w", err)
		}
	}
	if RoleName(p.Role) == "" {
		return fail("role %v has no rights; give it a role of the protocol", p.Role)
	}
	if len(p.Tools) > 0 && p.Role != pb.Role_ROLE_EXECUTOR {
		return fail("role %s serves no tools; leave Tools empty", RoleName(p.Role))
	}
	if !nkeys.IsValidPublicUserKey(p.Key) {
		return fail("key %q is not the public part of a user NKey", p.Key)
	}
	return nil
}

// checkParticipants refuses what would give two participants one identity.
func checkParticipants(ps []Participant) error {
	accounts, keys := map[string]bool{}, map[string]string{}
	for _, p := range ps {
		if err := p.check(); err != nil {
			return err
		}
		if accounts[p.account()] {
			return fmt.Errorf("streams: participant %q is listed twice in zone %s", p.Name, p.Zone)
		}
		if other, ok := keys[p.Key]; ok {
			return fmt.Errorf("streams: participants %q and %q have one key; each needs its own", other, p.Name)
		}
		accounts[p.account()], keys[p.Key] = true, p.Name
	}
	return nil
}

// sorted orders participants by account, so that the same set gives the same text.
func sorted(ps []Participant) []Participant {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b Participant) int { return strings.Compare(a.account(), b.account()) })
	return ps
}
