package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go/types"
)

// Principal is an agent as the release's directory knows it. Nothing here comes
// from the agent itself but its authenticated identity.
type Principal struct {
	ID         string           // SPIFFE ID, parsed strictly by the caller
	Groups     []string         // order and repetition do not matter
	Attributes map[string]Value // as declared by Config.PrincipalAttributes
}

// Request is one intent as policy sees it.
type Request struct {
	Principal Principal
	Delegator Principal // on whose behalf the principal acts; an empty ID means nobody

	Tool      string // Tool.Name
	Resource  string // 1 to 4,096 bytes of UTF-8 without control characters
	Arguments []byte // JSON object
	Context   []byte // JSON object; empty means {}

	Session   uint64           // sequence in the session
	Usage     map[string]int64 // one entry for each of Config.Limits, 0 to 2^62
	Approvals int              // valid approvals that the intent has by now
	LogTime   time.Time        // log time at the intent's position; policies see whole seconds
}

// world is a request as Cedar sees it, with the entities that it speaks of.
type world struct {
	tool      *tool
	request   types.Request
	groups    []types.EntityUID // of the principal, each once
	principal types.Entity
	delegator types.Entity // zero when there is none
	resource  types.Entity
}

var _ types.EntityGetter = (*world)(nil)

// Get returns one of the four entities that a policy can reach. Groups have no
// attributes and no parents, so Cedar can do without them.
func (w *world) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid {
	case w.principal.UID:
		return w.principal, true
	case w.resource.UID:
		return w.resource, true
	case w.tool.action:
		return w.tool.actionEntity, true
	case w.delegator.UID:
		return w.delegator, !uid.IsZero()
	}
	return types.Entity{}, false
}

// refusal is why a request never reached the policies.
type refusal struct {
	code    Code
	message string
}

func refuse(code Code, format string, args ...any) *refusal {
	return &refusal{code: code, message: shorten(fmt.Sprintf(format, args...), maxErrorBytes)}
}

// admit checks a request against the registry and builds its world. The checks
// run in the order of the codes and stop at the first that fails.
func (s *Set) admit(r Request) (*world, *refusal) {
	t, ok := s.registry.byName[r.Tool]
	if !ok {
		return nil, refuse(ToolUnknown, "tool %.60q is not in the registry", r.Tool)
	}
	w := &world{tool: t}
	if no := s.admitParties(r, w); no != nil {
		return nil, no
	}
	if !validText(r.Resource, maxResourceBytes) {
		return nil, refuse(ResourceInvalid, "the resource %.60q is empty, too long or holds control characters", r.Resource)
	}
	w.resource = types.Entity{
		UID:        types.NewEntityUID(t.resourceType, types.String(r.Resource)),
		Attributes: types.NewRecord(types.RecordMap{"id": types.String(r.Resource)}),
	}
	context, no := s.admitContext(r, w)
	if no != nil {
		return nil, no
	}
	w.request = types.Request{Principal: w.principal.UID, Action: t.action, Resource: w.resource.UID, Context: context}
	return w, nil
}

func (s *Set) admitParties(r Request, w *world) *refusal {
	var err error
	w.principal, w.groups, err = s.entity(r.Principal)
	if err != nil {
		return refuse(PrincipalInvalid, "the principal %.100q %s", r.Principal.ID, err)
	}
	if r.Delegator.ID == "" {
		return nil
	}
	if r.Delegator.ID == r.Principal.ID {
		return refuse(PrincipalInvalid, "the principal %.100q is its own delegator", r.Principal.ID)
	}
	w.delegator, _, err = s.entity(r.Delegator)
	if err != nil {
		return refuse(PrincipalInvalid, "the delegator %.100q %s", r.Delegator.ID, err)
	}
	return nil
}

// entity turns an agent into a Cedar entity and its groups.
func (s *Set) entity(p Principal) (types.Entity, []types.EntityUID, error) {
	if !validIdentity(p.ID) {
		return types.Entity{}, nil, fmt.Errorf("is not a SPIFFE ID")
	}
	groups := make([]types.EntityUID, 0, len(p.Groups))
	for _, g := range p.Groups {
		if !validText(g, maxNameBytes) {
			return types.Entity{}, nil, fmt.Errorf("has an unusable group %.60q", g)
		}
		uid := types.NewEntityUID(groupType, types.String(g))
		if !slices.Contains(groups, uid) {
			groups = append(groups, uid)
		}
	}
	attributes, err := s.registry.principal.record(p.Attributes)
	if err != nil {
		return types.Entity{}, nil, err
	}
	return types.Entity{
		UID:        types.NewEntityUID(agentType, types.String(p.ID)),
		Parents:    types.NewEntityUIDSet(groups...),
		Attributes: attributes,
	}, groups, nil
}

// record checks values against the declared fields.
func (fs *fields) record(values map[string]Value) (types.Record, error) {
	record := make(types.RecordMap, len(values))
	for i := range fs.list {
		f := &fs.list[i]
		v, ok := values[f.name]
		if !ok {
			if f.required {
				return types.Record{}, fmt.Errorf("lacks the attribute %q", f.name)
			}
			continue
		}
		if err := f.admits(v); err != nil {
			return types.Record{}, fmt.Errorf("has an attribute %q that %w", f.name, err)
		}
		record[types.String(f.name)] = v.cedar()
	}
	if len(record) != len(values) {
		return types.Record{}, fmt.Errorf("has an undeclared attribute %.60q", fs.unknown(values))
	}
	return newRecord(record), nil
}

// unknown returns the first name, in byte order, that is not declared.
func (fs *fields) unknown(values map[string]Value) string {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := fs.find(name); !ok {
			return name
		}
	}
	return ""
}

func (s *Set) admitContext(r Request, w *world) (types.Record, *refusal) {
	arguments, err := w.tool.arguments.decode("argument", r.Arguments, s.caps.InputBytes)
	if err != nil {
		return types.Record{}, refuse(ArgumentsInvalid, "%s", err)
	}
	raw := r.Context
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	environment, err := w.tool.environment.decode("context attribute", raw, s.caps.InputBytes)
	if err != nil {
		return types.Record{}, refuse(ContextInvalid, "%s", err)
	}
	usage, no := s.admitState(r)
	if no != nil {
		return types.Record{}, no
	}
	context := types.RecordMap{
		"arguments":   arguments,
		"environment": environment,
		"session":     types.NewRecord(types.RecordMap{"sequence": types.Long(int64(r.Session))}), //nolint:gosec // admitState bounds it
		"usage":       usage,
		"time":        types.Long(r.LogTime.Unix()),
	}
	if !w.delegator.UID.IsZero() {
		context["delegator"] = w.delegator.UID
	}
	return types.NewRecord(context), nil
}

// admitState checks what the caller's fold contributes.
func (s *Set) admitState(r Request) (types.Record, *refusal) {
	switch {
	case r.Session > math.MaxInt64:
		return types.Record{}, refuse(StateInvalid, "the session sequence %d does not fit into 63 bits", r.Session)
	case r.LogTime.Unix() < 0 || r.LogTime.Unix() > maxTime:
		return types.Record{}, refuse(StateInvalid, "log time is not set, or outside the years 1970 to 9999")
	case r.Approvals < 0:
		return types.Record{}, refuse(StateInvalid, "%d approvals", r.Approvals)
	case len(r.Usage) != len(s.registry.limits):
		return types.Record{}, refuse(StateInvalid, "usage of %d limits is given, and %d are declared", len(r.Usage), len(s.registry.limits))
	}
	usage := make(types.RecordMap, len(r.Usage))
	for _, id := range s.registry.limits {
		n, ok := r.Usage[id]
		if !ok || n < 0 || n > maxUsage {
			return types.Record{}, refuse(StateInvalid, "usage of limit %q is missing, negative or above 2^62", id)
		}
		usage[types.String(id)] = types.Long(n)
	}
	return newRecord(usage), nil
}
