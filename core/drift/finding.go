package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Finding is one thing that drifts.
type Finding struct {
	Rule     string      // its name in the table of rules
	Level    pb.Level    // LEVEL_WARN or LEVEL_TRIP
	Subject  string      // what drifts: a SPIFFE ID, the position of a record, or the release
	Detail   string      // for people
	Scopes   []*pb.Scope // what a trip must halt, one trip each; never empty
	Position uint64      // stream sequence that it is anchored at; 0 for conditions
	Since    time.Time   // since when, by the sentinel's clock or by log time

	// alike marks a finding about records: a trip of the same rule that reaches as
	// far covers it, whichever of many records that trip names.
	alike bool
}

// Uncovered returns the scopes for which no trip of this finding is in force.
func (d Finding) Uncovered(gov *governance.State) []*pb.Scope {
	var open []*pb.Scope
	for _, scope := range d.Scopes {
		if !slices.ContainsFunc(gov.Halts(), func(h governance.Halt) bool { return d.coveredBy(h, gov.Zone(), scope) }) {
			open = append(open, scope)
		}
	}
	return open
}

func (d Finding) coveredBy(h governance.Halt, zone string, scope *pb.Scope) bool {
	return h.Rule == d.Rule && (d.alike || h.Subject == d.Subject) && reaches(h.Scope, scope, zone)
}

// reaches reports whether a halt of one scope halts all that another names. It
// knows the scopes that trips have, and doubts others.
func reaches(halt, scope *pb.Scope, zone string) bool {
	switch halt.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_GLOBAL:
		return true
	case pb.ScopeKind_SCOPE_KIND_ZONE:
		return halt.GetValue() == zone
	case pb.ScopeKind_SCOPE_KIND_TOOL, pb.ScopeKind_SCOPE_KIND_AGENT:
		return halt.GetKind() == scope.GetKind() && halt.GetValue() == scope.GetValue()
	case pb.ScopeKind_SCOPE_KIND_UNSPECIFIED, pb.ScopeKind_SCOPE_KIND_SESSION, pb.ScopeKind_SCOPE_KIND_DRILL:
		return false
	default:
		return false
	}
}

// about is what a symptom is about, as far as it can be told. Empty parts widen
// what a trip halts.
type about struct {
	participant trust.Identity
	tool, agent string // Agent is a SPIFFE ID
}

// scopes narrows a trip as the release says, and to everything where it cannot
// be narrowed.
func (a about) scopes(gov *governance.State, narrow pb.DriftScope) []*pb.Scope {
	switch narrow {
	case pb.DriftScope_DRIFT_SCOPE_ZONE:
		return []*pb.Scope{{Kind: pb.ScopeKind_SCOPE_KIND_ZONE, Value: gov.Zone()}}
	case pb.DriftScope_DRIFT_SCOPE_TOOL:
		if tools := a.tools(gov.Release()); len(tools) > 0 {
			return tools
		}
	case pb.DriftScope_DRIFT_SCOPE_AGENT:
		if a.agent != "" {
			return []*pb.Scope{{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: a.agent}}
		}
	case pb.DriftScope_DRIFT_SCOPE_GLOBAL_UNSPECIFIED:
	}
	return []*pb.Scope{{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}}
}

// tools are the record's tool and those that the executor serves, ascending.
func (a about) tools(release *governance.Release) []*pb.Scope {
	var names []string
	if _, known := release.Tool(a.tool); known {
		names = append(names, a.tool)
	}
	if entry, enrolled := release.Identity(a.participant); enrolled && a.participant.Role == pb.Role_ROLE_EXECUTOR {
		names = append(names, entry.Proto.GetTools()...)
	}
	slices.Sort(names)
	var scopes []*pb.Scope
	for _, name := range slices.Compact(names) {
		scopes = append(scopes, &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: name})
	}
	return scopes
}

// symptom is what a rule found, before the release says what it weighs.
type symptom struct {
	level   pb.Level
	subject string
	detail  string
	about   about
	at      uint64 // stream sequence; 0 for conditions
	since   time.Time
	alike   bool
	more    int // others like it, which are not told apart
}

// weigh turns symptoms into findings as the release sets the rule.
func weigh(rule string, set setting, gov *governance.State, symptoms []symptom) []Finding {
	slices.SortFunc(symptoms, func(a, b symptom) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.subject, b.subject), cmp.Compare(a.detail, b.detail))
	})
	var all []Finding
	merged := make(map[string]int) // level and scopes → index in all, of symptoms that are alike
	more := make(map[int]int)
	for _, s := range symptoms {
		if s.level == pb.Level_LEVEL_TRIP && set.warnOnly {
			s.level = pb.Level_LEVEL_WARN
		}
		scopes := s.about.scopes(gov, set.scope)
		key := fmt.Sprint(s.level, scopesText(scopes))
		if i, held := merged[key]; held && s.alike {
			more[i] += 1 + s.more
			continue
		}
		if s.alike {
			merged[key] = len(all)
		}
		more[len(all)] = s.more
		all = append(all, Finding{
			Rule: rule, Level: s.level, Subject: s.subject, Detail: s.detail, Scopes: scopes, Position: s.at, Since: s.since, alike: s.alike,
		})
	}
	for i := range all {
		if more[i] > 0 {
			all[i].Detail += fmt.Sprintf(" (and %d more)", more[i])
		}
	}
	return all
}

func scopesText(scopes []*pb.Scope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = governance.ScopeString(s)
	}
	return strings.Join(texts, " ")
}

// order puts trips first, then goes by rule and subject.
func order(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Level, a.Level), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(scopesText(a.Scopes), scopesText(b.Scopes)),
	)
}
