package fabric

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// directoryFindings looks for what holds together and still lets nothing be
// done, or silently means less than it says.
func (s *ReleaseSource) directoryFindings(release *pb.Release) []Finding {
	l := &directoryLinter{source: s, release: release}
	l.sentinel()
	l.served()
	l.definitions()
	l.resources()
	l.agents()
	l.others()
	return l.found
}

type directoryLinter struct {
	source  *ReleaseSource
	release *pb.Release
	found   []Finding
}

func (l *directoryLinter) find(severity policy.Severity, code, path, mend, format string, args ...any) {
	l.found = append(l.found, Finding{
		Severity: severity, Code: code, Position: l.source.locate(path), Message: fmt.Sprintf(format, args...), Mend: mend,
	})
}

func (l *directoryLinter) sentinel() {
	if !slices.ContainsFunc(l.release.GetDirectory(), func(p *pb.Identity) bool { return p.GetRole() == pb.Role_ROLE_SENTINEL }) {
		l.find(policy.SeverityError, "directory.sentinel", "directory", "add one with role: sentinel", "no sentinel: without its pulse nothing ever starts")
	}
}

// served warns of tools that nobody serves: an intent would wait in vain.
func (l *directoryLinter) served() {
	for i, t := range l.release.GetTools() {
		serves := func(p *pb.Identity) bool {
			return p.GetRole() == pb.Role_ROLE_EXECUTOR && slices.Contains(p.GetTools(), t.GetName())
		}
		if !slices.ContainsFunc(l.release.GetDirectory(), serves) {
			l.find(policy.SeverityWarning, "tool.unserved", fmt.Sprintf("tools[%d]", i), "give it to an executor in directory.yaml", "no executor serves tool %s: what is allowed expires", t.GetName())
		}
	}
}

// definitions demands that what pins a tool's definition is a digest: nothing
// else is ever equal to one.
func (l *directoryLinter) definitions() {
	for i, t := range l.release.GetTools() {
		if n := len(t.GetDefinitionDigest()); n != 0 && n != sha256.Size {
			l.find(policy.SeverityError, "tool.definition", fmt.Sprintf("tools[%d].definition_digest", i), "write the 64 hexadecimal digits that portcullis mcp pin prints", "tool %s: a definition's digest has %d bytes, this has %d", t.GetName(), sha256.Size, n)
		}
	}
}

// resources demands that the argument which gateways name as the resource is always
// there, and a text.
func (l *directoryLinter) resources() {
	for i, t := range l.release.GetTools() {
		is := func(a *pb.Attribute) bool {
			return a.GetName() == t.GetResourceArgument() && a.GetRequired() && a.GetType() == pb.AttributeType_ATTRIBUTE_TYPE_STRING
		}
		if t.GetResourceArgument() != "" && !slices.ContainsFunc(t.GetArguments(), is) {
			l.find(policy.SeverityError, "tool.resource_argument", fmt.Sprintf("tools[%d].resource_argument", i), "name an argument of the tool with type: string and required: true", "tool %s: %s is no argument that is a required string", t.GetName(), t.GetResourceArgument())
		}
	}
}

func (l *directoryLinter) agents() {
	for i, p := range l.release.GetDirectory() {
		if p.GetRole() != pb.Role_ROLE_AGENT {
			continue
		}
		path := fmt.Sprintf("directory[%d]", i)
		if len(p.GetTools()) == 0 {
			l.find(policy.SeverityWarning, "agent.idle", path, "list its tools", "agent %s may ask for no tool", p.GetName())
		}
		l.attributes(p, path)
	}
}

// attributes demands that an agent's attributes are those that the release
// declares: policy denies everything to an agent whose are not.
func (l *directoryLinter) attributes(p *pb.Identity, path string) {
	const code = "agent.attributes"
	declared := l.release.GetAgentAttributes()
	given := map[string]bool{}
	for i, v := range p.GetAttributes() {
		at := fmt.Sprintf("%s.attributes[%d]", path, i)
		j := slices.IndexFunc(declared, func(a *pb.Attribute) bool { return a.GetName() == v.GetName() })
		switch {
		case given[v.GetName()]:
			l.find(policy.SeverityError, code, at, "keep one of them", "agent %s: attribute %s stands twice", p.GetName(), v.GetName())
		case j < 0:
			l.find(policy.SeverityError, code, at, "declare it under agent_attributes in release.yaml", "agent %s: attribute %s is not declared", p.GetName(), v.GetName())
		case !fits(v, declared[j].GetType()):
			l.find(policy.SeverityError, code, at, "write a value of the declared type", "agent %s: attribute %s is declared as %s", p.GetName(), v.GetName(), spell(declared[j].GetType()))
		}
		given[v.GetName()] = true
	}
	for _, a := range declared {
		if a.GetRequired() && !given[a.GetName()] {
			l.find(policy.SeverityError, code, path, "give it a value", "agent %s lacks the attribute %s, so everything is denied to it", p.GetName(), a.GetName())
		}
	}
}

func fits(v *pb.Value, t pb.AttributeType) bool {
	switch v.GetValue().(type) {
	case *pb.Value_Text:
		return t == pb.AttributeType_ATTRIBUTE_TYPE_STRING
	case *pb.Value_Number:
		return t == pb.AttributeType_ATTRIBUTE_TYPE_LONG
	case *pb.Value_Flag:
		return t == pb.AttributeType_ATTRIBUTE_TYPE_BOOL
	case *pb.Value_Texts:
		return t == pb.AttributeType_ATTRIBUTE_TYPE_STRING_SET
	default:
		return false
	}
}

// others refuses governors, who are no entry of the directory, and grants that
// the role does not have.
func (l *directoryLinter) others() {
	for i, p := range l.release.GetDirectory() {
		agent, approver := p.GetRole() == pb.Role_ROLE_AGENT, p.GetRole() == pb.Role_ROLE_APPROVER
		tools := agent || approver || p.GetRole() == pb.Role_ROLE_EXECUTOR
		if p.GetRole() == pb.Role_ROLE_GOVERNOR {
			l.find(policy.SeverityError, "directory.governor", fmt.Sprintf("directory[%d]", i), "remove the entry; the release names its governors and their keys itself", "%s is a governor", p.GetName())
		}
		if !agent && (len(p.GetGroups()) > 0 || len(p.GetAttributes()) > 0) || !tools && len(p.GetTools()) > 0 {
			l.find(policy.SeverityError, "directory.grant", fmt.Sprintf("directory[%d]", i), "leave them out: groups and attributes are for agents, tools for agents, executors and approvers", "%s has grants that its role cannot have", p.GetName())
		}
		if approver && len(p.GetTools()) == 0 {
			l.find(policy.SeverityWarning, "directory.approver", fmt.Sprintf("directory[%d]", i), "say with tools: [...] for which tools its answers count", "%s is an approver for no tool", p.GetName())
		}
	}
}

// policyConfig is what the source says about policy.
func (s *ReleaseSource) policyConfig() policy.Config { return verdict.PolicyConfig(s.body) }
