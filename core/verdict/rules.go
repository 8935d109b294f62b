package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Rules is a release made ready to decide by. It is immutable and safe for
// concurrent use.
type Rules struct {
	Release *governance.Release
	// Policy is nil when the policies do not compile or a tool has more limits than
	// a decision can hold; then Err says why and every intent is denied.
	Policy *policy.Set
	Err    error

	limits     []limit
	limitsOf   map[string][]int // tool → indices into limits
	principals map[string]policy.Principal
	sealing    map[string]trust.SealTo // by id
}

// maxCharges is how many limits one intent may be charged to (Decision.charges).
const maxCharges = 64

type limit struct {
	id       string
	key      pb.LimitKey
	argument string
	max      int64
	window   time.Duration
}

// Compile makes a release ready to decide by. It does not fail: a release whose
// policies do not compile denies everything.
func Compile(r *governance.Release) *Rules {
	rules := &Rules{
		Release:    r,
		limitsOf:   make(map[string][]int, len(r.Proto.GetTools())),
		principals: make(map[string]policy.Principal),
		sealing:    make(map[string]trust.SealTo, len(r.Proto.GetSealingKeys())),
	}
	rules.Policy, rules.Err = policy.Compile(PolicyConfig(r.Proto))
	rules.indexLimits()
	rules.checkLimits()
	rules.indexPrincipals()
	rules.indexSealing()
	return rules
}

func (r *Rules) indexLimits() {
	byID := func(a, b *pb.Limit) int { return cmp.Compare(a.GetId(), b.GetId()) }
	for i, l := range slices.SortedFunc(slices.Values(r.Release.Proto.GetLimits()), byID) {
		r.limits = append(r.limits, limit{id: l.GetId(), key: l.GetKey(), argument: l.GetArgument(), max: l.GetMax(), window: l.GetWindow().AsDuration()})
		for _, t := range r.Release.Proto.GetTools() {
			if governance.LimitCovers(l, t.GetName()) {
				r.limitsOf[t.GetName()] = append(r.limitsOf[t.GetName()], i)
			}
		}
	}
}

// checkLimits denies everything where an ALLOW could not be written down.
func (r *Rules) checkLimits() {
	for _, t := range r.Release.Proto.GetTools() {
		if n := len(r.limitsOf[t.GetName()]); n > maxCharges {
			r.Policy = nil
			r.Err = errors.Join(r.Err, fmt.Errorf("verdict: tool %s: %d limits count it and a decision holds %d charges; merge or narrow some", t.GetName(), n, maxCharges))
		}
	}
}

func (r *Rules) indexPrincipals() {
	for _, p := range r.Release.Proto.GetDirectory() {
		if p.GetRole() == pb.Role_ROLE_AGENT {
			r.principals[p.GetName()] = policy.Principal{Groups: p.GetGroups(), Attributes: values(p.GetAttributes())}
		}
	}
}

// principal is an enrolled agent as policies see it.
func (r *Rules) principal(id trust.Identity) policy.Principal {
	p := r.principals[id.Name]
	p.ID = id.String()
	return p
}

// PolicyConfig is what a release says about policy, in the terms of core/policy.
func PolicyConfig(p *pb.Release) policy.Config {
	config := policy.Config{PrincipalAttributes: attributes(p.GetAgentAttributes()), Groups: []string{}}
	for _, s := range p.GetPolicies() {
		config.Sources = append(config.Sources, policy.Source{Name: s.GetName(), Text: s.GetText()})
	}
	for _, t := range p.GetTools() {
		config.Tools = append(config.Tools, policy.Tool{
			Name: t.GetName(), Action: governance.ToolAction(t), ResourceType: t.GetResourceType(),
			Arguments: attributes(t.GetArguments()), Context: attributes(t.GetEnvironment()),
		})
	}
	for _, l := range p.GetLimits() {
		config.Limits = append(config.Limits, l.GetId())
	}
	for _, id := range p.GetDirectory() {
		config.Groups = append(config.Groups, id.GetGroups()...)
	}
	slices.Sort(config.Groups)
	config.Groups = slices.Compact(config.Groups)
	return config
}

var policyTypes = map[pb.AttributeType]policy.Type{
	pb.AttributeType_ATTRIBUTE_TYPE_STRING:     policy.TypeString,
	pb.AttributeType_ATTRIBUTE_TYPE_LONG:       policy.TypeLong,
	pb.AttributeType_ATTRIBUTE_TYPE_BOOL:       policy.TypeBool,
	pb.AttributeType_ATTRIBUTE_TYPE_STRING_SET: policy.TypeStringSet,
	pb.AttributeType_ATTRIBUTE_TYPE_LONG_SET:   policy.TypeLongSet,
	pb.AttributeType_ATTRIBUTE_TYPE_DECIMAL:    policy.TypeDecimal,
	pb.AttributeType_ATTRIBUTE_TYPE_JSON:       policy.TypeJSON,
}

func attributes(in []*pb.Attribute) []policy.Attribute {
	out := make([]policy.Attribute, 0, len(in))
	for _, a := range in {
		out = append(out, policy.Attribute{
			Name: a.GetName(), Type: policyTypes[a.GetType()], Required: a.GetRequired(),
			MaxLength: int(a.GetMaxLength()), Min: a.Min, Max: a.Max, Enum: a.GetOneOf(),
		})
	}
	return out
}

func values(in []*pb.Value) map[string]policy.Value {
	out := make(map[string]policy.Value, len(in))
	for _, v := range in {
		switch x := v.GetValue().(type) {
		case *pb.Value_Text:
			out[v.GetName()] = policy.StringValue(x.Text)
		case *pb.Value_Number:
			out[v.GetName()] = policy.LongValue(x.Number)
		case *pb.Value_Flag:
			out[v.GetName()] = policy.BoolValue(x.Flag)
		case *pb.Value_Texts:
			out[v.GetName()] = policy.StringSetValue(x.Texts.GetValues()...)
		}
	}
	return out
}
