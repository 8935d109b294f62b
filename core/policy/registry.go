package policy

import (
	"math"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
)

const (
	agentType  = types.EntityType("Agent")
	groupType  = types.EntityType("Group")
	actionType = types.EntityType("Action")
)

// everyAction is the action group that holds the actions of all tools.
var everyAction = types.NewEntityUID(actionType, "all")

// field is a checked Attribute.
type field struct {
	name      string
	kind      Type
	required  bool
	maxLength int
	maxItems  int
	min, max  int64
	enum      []string
}

// fields is a record type: its fields sorted by name.
type fields struct {
	list   []field
	byName map[string]int
}

func (fs *fields) find(name string) (int, bool) {
	i, ok := fs.byName[name]
	return i, ok
}

// tool is a checked Tool.
type tool struct {
	name         string
	action       types.EntityUID
	actionEntity types.Entity
	resourceType types.EntityType
	arguments    fields
	environment  fields
}

func compareTools(a, b *tool) int { return strings.Compare(string(a.action.ID), string(b.action.ID)) }

// registry is the checked part of a Config that is not policy text.
type registry struct {
	tools     []*tool // sorted by action
	byName    map[string]*tool
	byAction  map[types.EntityUID]*tool
	principal fields
	limits    []string // sorted
	groups    map[string]bool
}

// newRegistry checks tools, attributes, limits and groups. The registry is
// usable only when it added no finding.
func newRegistry(cfg Config, caps Caps, fs *findings) *registry {
	r := &registry{byName: map[string]*tool{}, byAction: map[types.EntityUID]*tool{}}
	if len(cfg.Tools) > caps.Tools {
		fs.registry("caps.tools", "split the zone or drop tools", "%d tools, and at most %d are allowed", len(cfg.Tools), caps.Tools)
		return r
	}
	for _, t := range cfg.Tools {
		r.addTool(t, fs)
	}
	slices.SortFunc(r.tools, compareTools)
	r.principal = newFields("principal", cfg.PrincipalAttributes, fs)
	r.limits = checkNames("limit", cfg.Limits, fs)
	if cfg.Groups != nil {
		r.groups = make(map[string]bool, len(cfg.Groups))
		for _, g := range cfg.Groups {
			if !validText(g, maxNameBytes) {
				fs.registry("group.name", "name groups with 1 to 128 printable bytes", "group %.60q is not a usable name", g)
			}
			r.groups[g] = true
		}
	}
	return r
}

func (r *registry) addTool(t Tool, fs *findings) {
	if !validText(t.Name, maxNameBytes) {
		fs.registry("tool.name", "give every tool a printable name of 1 to 128 bytes", "tool name %.60q is not usable", t.Name)
		return
	}
	if _, twice := r.byName[t.Name]; twice {
		fs.registry("tool.duplicate", "register each tool once", "tool %q is registered twice", t.Name)
		return
	}
	if !validText(t.Action, maxNameBytes) || types.String(t.Action) == everyAction.ID {
		fs.registry("tool.action", `name an action of 1 to 128 printable bytes that is not "all"`, "tool %q: action %.60q is not usable", t.Name, t.Action)
		return
	}
	action := types.NewEntityUID(actionType, types.String(t.Action))
	if other, twice := r.byAction[action]; twice {
		fs.registry("tool.action", "give each tool an action of its own", "tools %q and %q share the action %q", other.name, t.Name, t.Action)
		return
	}
	if !validEntityType(t.ResourceType) {
		fs.registry("tool.resource", "name one identifier such as File, not a Cedar keyword, Agent, Group or Action", "tool %q: resource type %.60q is not usable", t.Name, t.ResourceType)
		return
	}
	added := &tool{
		name:         t.Name,
		action:       action,
		actionEntity: types.Entity{UID: action, Parents: types.NewEntityUIDSet(everyAction)},
		resourceType: types.EntityType(t.ResourceType),
		arguments:    newFields("tool "+t.Name+" argument", t.Arguments, fs),
		environment:  newFields("tool "+t.Name+" context", t.Context, fs),
	}
	r.tools = append(r.tools, added)
	r.byName[t.Name] = added
	r.byAction[action] = added
}

// newFields checks the attributes of one record; where names the record.
func newFields(where string, attributes []Attribute, fs *findings) fields {
	out := fields{byName: map[string]int{}}
	if len(attributes) > maxAttributes {
		fs.registry("attribute.count", "drop some", "%s: %d attributes, and at most %d are allowed", where, len(attributes), maxAttributes)
		return out
	}
	for _, a := range attributes {
		if f, ok := newField(where, a, fs); ok {
			out.list = append(out.list, f)
		}
	}
	slices.SortFunc(out.list, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i, f := range out.list {
		if _, twice := out.byName[f.name]; twice {
			fs.registry("attribute.duplicate", "declare it once", "%s: attribute %q is declared twice", where, f.name)
		}
		out.byName[f.name] = i
	}
	return out
}

func newField(where string, a Attribute, fs *findings) (field, bool) {
	f := field{
		name: a.Name, kind: a.Type, required: a.Required,
		maxLength: a.MaxLength, maxItems: a.MaxItems,
		min: math.MinInt64, max: math.MaxInt64,
		enum: slices.Clone(a.Enum),
	}
	if a.Min != nil {
		f.min = *a.Min
	}
	if a.Max != nil {
		f.max = *a.Max
	}
	wrong := func(code, mend, what string) {
		fs.registry(code, mend, "%s: attribute %.60q %s", where, a.Name, what)
	}
	text := a.Type == TypeString || a.Type == TypeStringSet || a.Type == TypeJSON
	number := a.Type == TypeLong || a.Type == TypeLongSet
	set := a.Type == TypeStringSet || a.Type == TypeLongSet
	switch {
	case !validName(a.Name):
		wrong("attribute.name", "use 1 to 128 letters, digits, '_', '-' or '.', starting with a letter or '_'", "is not a usable name")
	case a.Type == TypeUndeclared || a.Type > TypeJSON:
		wrong("attribute.type", "declare one of String, Long, Bool, Set<String>, Set<Long>, decimal, JSON", "has no type")
	case a.MaxLength < 0 || a.MaxLength > defaultMaxLength || (a.MaxLength != 0 && !text):
		wrong("attribute.bounds", "lengths belong to strings, from 1 to 65536", "has an unusable MaxLength")
	case a.MaxItems < 0 || a.MaxItems > defaultMaxItems || (a.MaxItems != 0 && !set):
		wrong("attribute.bounds", "counts belong to sets, from 1 to 1024", "has an unusable MaxItems")
	case (a.Min != nil || a.Max != nil) && !number, f.min > f.max:
		wrong("attribute.bounds", "bounds belong to Longs, the smaller first", "has unusable Min and Max")
	case len(a.Enum) > 0 && !text:
		wrong("attribute.bounds", "an enum belongs to strings", "has an unusable Enum")
	default:
		if f.maxLength == 0 {
			f.maxLength = defaultMaxLength
		}
		if f.maxItems == 0 {
			f.maxItems = defaultMaxItems
		}
		return f, true
	}
	return field{}, false
}

func checkNames(what string, names []string, fs *findings) []string {
	out := slices.Sorted(slices.Values(names))
	for i, n := range out {
		if !validName(n) {
			fs.registry(what+".name", "use 1 to 128 letters, digits, '_', '-' or '.', starting with a letter or '_'", "%s %.60q is not a usable name", what, n)
		}
		if i > 0 && out[i-1] == n {
			fs.registry(what+".duplicate", "declare it once", "%s %q is declared twice", what, n)
		}
	}
	return out
}
