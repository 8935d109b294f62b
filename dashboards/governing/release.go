package governing

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// releaseObject is a release as people read it.
func releaseObject(state *governance.State, s zone.StandingRelease) object {
	p := s.Proto
	return object{
		"version": p.GetVersion(), "digest": s.Digest.String(), "position": s.Position, "since": stamp(s.LogTime), "signed_by": orEmpty(s.SignedBy),
		"not_before": stamp(p.GetNotBefore().AsTime()), "expires": stamp(p.GetExpires().AsTime()), "note": p.GetNote(),
		"decision_threshold": p.GetDecisionThreshold(), "witness_threshold": p.GetWitnessThreshold(), "durability": short(p.GetDurability()),
		"thresholds": object{"release": p.GetThresholds().GetRelease(), "resume": p.GetThresholds().GetResume()},
		"governors":  governors(state, p), "directory": directory(state, p), "tools": tools(s.Release), "limits": limits(p),
		"bounds": bounds(p.GetBounds()), "bound_ms": millis(s.Bounds.Start), "drift": driftRules(p), "policies": policies(p), "sealing_keys": sealingKeys(p),
	}
}

func governors(state *governance.State, p *pb.Release) []object {
	all := []object{}
	for _, governor := range p.GetGovernors() {
		key := trust.DigestOf(governor.GetPublicKey())
		_, may := state.Governors()[key]
		all = append(all, object{"name": governor.GetName(), "key": key.String(), "public_key": governor.GetPublicKey(), "revoked": !may})
	}
	return all
}

func directory(state *governance.State, p *pb.Release) []object {
	all := []object{}
	for _, entry := range p.GetDirectory() {
		id := trust.Identity{TrustDomain: state.TrustDomain(), Zone: state.Zone(), Role: entry.GetRole(), Name: entry.GetName()}
		all = append(all, object{
			"name": entry.GetName(), "role": trust.RoleName(entry.GetRole()), "id": id.String(), "groups": orEmpty(entry.GetGroups()),
			"tools": orEmpty(entry.GetTools()), "attributes": attributes(entry.GetAttributes()), "rank": entry.GetRank(), "required": entry.GetRequired(),
			"gateway": entry.GetGateway(), "builds": hexes(entry.GetBuilds()), "revoked": state.RevokedID(id.String()),
		})
	}
	return all
}

// attributes are written NAME=VALUE.
func attributes(all []*pb.Value) []string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = v.GetName() + "=" + valueText(v)
	}
	return texts
}

func valueText(v *pb.Value) string {
	switch x := v.GetValue().(type) {
	case *pb.Value_Text:
		return strconv.Quote(x.Text)
	case *pb.Value_Number:
		return strconv.FormatInt(x.Number, 10)
	case *pb.Value_Flag:
		return strconv.FormatBool(x.Flag)
	case *pb.Value_Texts:
		return fmt.Sprintf("%q", x.Texts.GetValues())
	default:
		return "?"
	}
}

func tools(release *governance.Release) []object {
	all := []object{}
	for _, tool := range release.Proto.GetTools() {
		all = append(all, object{
			"name": tool.GetName(), "action": tool.GetAction(), "resource_type": tool.GetResourceType(), "description": tool.GetDescription(),
			"arguments": arguments(tool.GetArguments()), "run_limit": durationText(tool.GetRunLimit()), "executors": orEmpty(release.Executors(tool.GetName())),
		})
	}
	return all
}

// arguments are written as "amount: long, required, 0 to 500".
func arguments(all []*pb.Attribute) []string {
	texts := make([]string, len(all))
	for i, a := range all {
		parts := []string{short(a.GetType())}
		if a.GetRequired() {
			parts = append(parts, "required")
		}
		if a.Min != nil {
			parts = append(parts, fmt.Sprintf("at least %d", a.GetMin()))
		}
		if a.Max != nil {
			parts = append(parts, fmt.Sprintf("at most %d", a.GetMax()))
		}
		if a.GetMaxLength() > 0 {
			parts = append(parts, fmt.Sprintf("length at most %d", a.GetMaxLength()))
		}
		if len(a.GetOneOf()) > 0 {
			parts = append(parts, fmt.Sprintf("one of %q", a.GetOneOf()))
		}
		texts[i] = a.GetName() + ": " + strings.Join(parts, ", ")
	}
	return texts
}

func limits(p *pb.Release) []object {
	all := []object{}
	for _, l := range p.GetLimits() {
		all = append(all, object{
			"id": l.GetId(), "tools": orEmpty(l.GetTools()), "key": short(l.GetKey()), "argument": l.GetArgument(), "max": l.GetMax(),
			"window": durationText(l.GetWindow()),
		})
	}
	return all
}

// bounds are all fields of the schema, so that none is forgotten when one is added.
func bounds(b *pb.Bounds) []object {
	all := []object{}
	fields := b.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		all = append(all, object{"name": string(field.Name()), "value": fieldText(b.ProtoReflect(), field)})
	}
	return all
}

func fieldText(m protoreflect.Message, field protoreflect.FieldDescriptor) string {
	if !m.Has(field) {
		return "the protocol's"
	}
	value := m.Get(field)
	if field.Message() != nil {
		if d, ok := value.Message().Interface().(*durationpb.Duration); ok {
			return durationText(d)
		}
	}
	return value.String()
}

func driftRules(p *pb.Release) []object {
	all := []object{}
	for _, rule := range p.GetDrift() {
		all = append(all, object{
			"rule": rule.GetRule(), "intervals": rule.GetIntervals(), "threshold": durationText(rule.GetThreshold()), "warn_only": rule.GetWarnOnly(),
			"scope": short(rule.GetScope()),
		})
	}
	return all
}

func policies(p *pb.Release) []object {
	all := []object{}
	for _, policy := range p.GetPolicies() {
		all = append(all, object{"name": policy.GetName(), "text": policy.GetText(), "digest": trust.DigestOf([]byte(policy.GetText())).String()})
	}
	return all
}

func sealingKeys(p *pb.Release) []object {
	all := []object{}
	for _, key := range p.GetSealingKeys() {
		all = append(all, object{"id": key.GetId(), "public_key": hex.EncodeToString(key.GetPublicKey())})
	}
	return all
}

// durationText is "" for none.
func durationText(d *durationpb.Duration) string {
	if d == nil {
		return ""
	}
	return d.AsDuration().String()
}

// enum is a value of a generated enum.
type enum interface {
	protoreflect.Enum
	String() string
}

// short is an enum's value without its type's name: LIMIT_KEY_AGENT is agent.
func short(e enum) string {
	prefix := ""
	for _, r := range string(e.Descriptor().Name()) {
		if r >= 'A' && r <= 'Z' && prefix != "" {
			prefix += "_"
		}
		prefix += strings.ToUpper(string(r))
	}
	name := strings.TrimPrefix(e.String(), prefix+"_")
	return strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(name, "_UNSPECIFIED")), "_", " ")
}
