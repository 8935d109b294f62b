package history

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// index lists, for everything that a search can ask for, the ordinals of the
// nodes that answer it, ascending.
type index struct {
	agents   map[uint32]*[]uint32 // by the text of the signer's SPIFFE ID
	sessions map[sessionKey]*[]uint32
	tools    map[uint32]*[]uint32
	releases map[trust.Digest]*[]uint32
	reasons  map[string]*[]uint32
	verdicts map[bool]*[]uint32   // ALLOW, of the newest quorum
	states   map[uint32]*[]uint32 // by the text of the state that a node is filed under
	whose    map[uint32]*[]uint32
	keys     map[trust.KeyID]*[]uint32

	resources []uint32 // texts, by ordinal
}

type sessionKey struct{ agent, session uint32 }

func newIndex() index {
	return index{
		agents: map[uint32]*[]uint32{}, sessions: map[sessionKey]*[]uint32{}, tools: map[uint32]*[]uint32{},
		releases: map[trust.Digest]*[]uint32{}, reasons: map[string]*[]uint32{}, verdicts: map[bool]*[]uint32{}, states: map[uint32]*[]uint32{},
		whose: map[uint32]*[]uint32{}, keys: map[trust.KeyID]*[]uint32{},
	}
}

// enter adds an ordinal to a key's list, once. Most come in ascending order; a
// decision that is late is put where it belongs.
func enter[K comparable](lists map[K]*[]uint32, key K, ordinal uint32) {
	list := lists[key]
	if list == nil {
		list = new([]uint32)
		lists[key] = list
	}
	if n := len(*list); n == 0 || (*list)[n-1] < ordinal {
		*list = append(*list, ordinal)
		return
	}
	if i, there := slices.BinarySearch(*list, ordinal); !there {
		*list = slices.Insert(*list, i, ordinal)
	}
}

// listed is a key's list; empty for a key that nothing was entered under.
func listed[K comparable](lists map[K]*[]uint32, key K) []uint32 {
	if list := lists[key]; list != nil {
		return *list
	}
	return nil
}

func (x *index) intent(ordinal uint32, n *node) {
	x.resources = append(x.resources, n.resource)
	enter(x.agents, n.agent, ordinal)
	if n.session != 0 {
		enter(x.sessions, sessionKey{n.agent, n.session}, ordinal)
	}
	if n.tool != 0 {
		enter(x.tools, n.tool, ordinal)
	}
}

func (x *index) signed(ordinal, identity uint32, key trust.KeyID) {
	enter(x.whose, identity, ordinal)
	enter(x.keys, key, ordinal)
}

func (x *index) release(ordinal uint32, d trust.Digest) { enter(x.releases, d, ordinal) }

func (x *index) reason(ordinal uint32, code string) { enter(x.reasons, code, ordinal) }

func (x *index) verdict(ordinal uint32, allow bool) {
	leave(x.verdicts, !allow, ordinal)
	enter(x.verdicts, allow, ordinal)
}
