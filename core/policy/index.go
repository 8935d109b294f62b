package policy

import (
	"iter"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// index finds the rules whose scope can match a request without looking at the
// others. Each rule stands under one principal key and one resource key, and
// under every action that its scope names, or under none when it takes any.
//
// It may return a rule whose scope does not match: Cedar tests the scope again.
// It must never miss one that does.
type index struct {
	entities map[types.EntityUID]key  // entities that a scope names with == or in
	kinds    map[types.EntityType]key // types that a scope names with is
	last     key                      // handed out
	any      shelf
	actions  map[types.EntityUID]shelf
}

// key is an interned entity or type of a scope.
type key uint32

// anything is the key of a scope that takes every entity.
const anything key = 0

// shelf holds rule numbers by principal key and resource key.
type shelf map[key]map[key][]int

func newIndex(rules []rule) *index {
	ix := &index{
		entities: map[types.EntityUID]key{},
		kinds:    map[types.EntityType]key{},
		any:      shelf{},
		actions:  map[types.EntityUID]shelf{},
	}
	for i := range rules {
		ix.add(i, rules[i].tree)
	}
	return ix
}

func (ix *index) add(number int, p *ast.Policy) {
	principal, resource := ix.intern(p.Principal), ix.intern(p.Resource)
	actions, named := actionsOf(p.Action)
	if !named {
		ix.any.add(principal, resource, number)
		return
	}
	seen := make(map[types.EntityUID]bool, len(actions))
	for _, a := range actions {
		if seen[a] {
			continue
		}
		seen[a] = true
		if ix.actions[a] == nil {
			ix.actions[a] = shelf{}
		}
		ix.actions[a].add(principal, resource, number)
	}
}

func (s shelf) add(principal, resource key, number int) {
	if s[principal] == nil {
		s[principal] = map[key][]int{}
	}
	s[principal][resource] = append(s[principal][resource], number)
}

// intern returns the key of a principal's or resource's scope, new if need be.
// `is T in e` stands under e alone, which takes no less than both.
func (ix *index) intern(scope ast.IsScopeNode) key {
	if uid, ok := uidOf(scope); ok {
		return internInto(ix, ix.entities, uid)
	}
	if is, ok := scope.(ast.ScopeTypeIs); ok {
		return internInto(ix, ix.kinds, is.Type)
	}
	return anything
}

func internInto[K comparable](ix *index, known map[K]key, k K) key {
	if found, ok := known[k]; ok {
		return found
	}
	ix.last++
	known[k] = ix.last
	return ix.last
}

// keysOf returns the keys under which an entity with these ancestors may stand.
func (ix *index) keysOf(uid types.EntityUID, ancestors []types.EntityUID, into []key) []key {
	into = append(into, anything)
	if k, ok := ix.kinds[uid.Type]; ok {
		into = append(into, k)
	}
	if k, ok := ix.entities[uid]; ok {
		into = append(into, k)
	}
	for _, a := range ancestors {
		if k, ok := ix.entities[a]; ok {
			into = append(into, k)
		}
	}
	return into
}

// candidates returns the numbers of the rules that can match, in lists that
// share no number as long as the groups differ from each other.
func (ix *index) candidates(req types.Request, groups []types.EntityUID) [][]int {
	var room [16]key
	principals := ix.keysOf(req.Principal, groups, room[:0])
	var more [3]key
	resources := ix.keysOf(req.Resource, nil, more[:0])
	lists := make([][]int, 0, 8)
	for _, s := range [2]shelf{ix.any, ix.actions[req.Action]} {
		for _, p := range principals {
			byResource, ok := s[p]
			if !ok {
				continue
			}
			for _, r := range resources {
				if list := byResource[r]; len(list) > 0 {
					lists = append(lists, list)
				}
			}
		}
	}
	return lists
}

// slice is the part of the rules that an authorization looks at. It implements
// Cedar's PolicyIterator.
type slice struct {
	rules   []rule
	lists   [][]int
	without *rule // this one of the rules is left out
}

var _ cedar.PolicyIterator = slice{}

// All yields the rules under their own ids.
func (s slice) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, list := range s.lists {
			for _, i := range list {
				if r := &s.rules[i]; r != s.without && !yield(cedar.PolicyID(r.id), r.compiled) {
					return
				}
			}
		}
	}
}
