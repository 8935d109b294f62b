package authzen

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// book is a release as clients see it. It is immutable.
type book struct {
	release  *governance.Release
	subjects map[string]map[string]*pb.Identity // type → id → agent
	actions  []*pb.Tool                         // by the action's name
	named    map[string][]string                // release's resource type → ids that policies name
}

func newBook(r *governance.Release, m Mapping) *book {
	b := &book{release: r, subjects: map[string]map[string]*pb.Identity{SubjectType: {}}, named: map[string][]string{}}
	for kind := range m.Subjects {
		b.subjects[kind] = map[string]*pb.Identity{}
	}
	for _, entry := range r.Proto.GetDirectory() {
		if entry.GetRole() == pb.Role_ROLE_AGENT {
			b.enter(entry, m)
		}
	}
	b.actions = slices.SortedFunc(slices.Values(r.Proto.GetTools()), func(x, y *pb.Tool) int {
		return cmp.Compare(governance.ToolAction(x), governance.ToolAction(y))
	})
	for _, source := range r.Proto.GetPolicies() {
		b.scan(source.GetText())
	}
	for kind, ids := range b.named {
		slices.Sort(ids)
		b.named[kind] = slices.Compact(ids)
	}
	return b
}

// enter writes an agent under each of its ids. One that another has too is nobody's.
func (b *book) enter(entry *pb.Identity, m Mapping) {
	b.subjects[SubjectType][entry.GetName()] = entry
	for kind, attribute := range m.Subjects {
		for _, v := range entry.GetAttributes() {
			if v.GetName() != attribute || v.GetText() == "" {
				continue
			}
			b.subjects[kind][v.GetText()] = only(b.subjects[kind], v.GetText(), entry)
		}
	}
}

func only(known map[string]*pb.Identity, id string, entry *pb.Identity) *pb.Identity {
	if _, twice := known[id]; twice {
		return nil
	}
	return entry
}

// entityLiteral is an entity in a policy's text, without escapes in its id.
var entityLiteral = regexp.MustCompile(`\b([A-Z][A-Za-z0-9_]*)\s*::\s*"([^"\\\x00-\x1f]+)"`)

// scan finds which resources a policy names. It only proposes what to ask about: what it
// misses is not found, and what it finds in a comment is judged like everything else.
func (b *book) scan(text string) {
	for _, found := range entityLiteral.FindAllStringSubmatch(text, -1) {
		b.named[found[1]] = append(b.named[found[1]], found[2])
	}
}

// agent is the name of the agent that a subject is; "" if it is none. What a client
// states of a subject besides must be what the directory says.
func (b *book) agent(s entity) string {
	entry := b.subjects[s.kind][s.id]
	for name, property := range s.properties {
		i := slices.IndexFunc(entry.GetAttributes(), func(v *pb.Value) bool { return v.GetName() == name })
		if i < 0 || !stated(entry.GetAttributes()[i], property) {
			return ""
		}
	}
	return entry.GetName()
}

// tool is the tool that has an action; nil if none has.
func (b *book) tool(action string) *pb.Tool {
	i, there := slices.BinarySearchFunc(b.actions, action, func(t *pb.Tool, name string) int { return cmp.Compare(governance.ToolAction(t), name) })
	if !there {
		return nil
	}
	return b.actions[i]
}

// ids are the subjects of a type, ascending, without those that are nobody's.
func (b *book) ids(kind string) []string {
	all := []string{}
	for id, entry := range b.subjects[kind] {
		if entry != nil {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}
