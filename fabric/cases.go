package fabric

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// testCase is one example of tests/*.yaml.
type testCase struct {
	at                policy.Position
	name              string
	agent, delegator  string
	tool, resource    string
	arguments         []byte
	context           []byte
	usage             map[string]int64
	session           uint64
	approvals         int
	time              time.Time
	allow, allowGiven bool
	policies          []string
}

// caseTime is a case's log time unless it states one: the same on every run.
var caseTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func readCases(source fs.FS) ([]testCase, error) {
	files, err := fs.Glob(source, "tests/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("fabric: the release's tests: %w", err)
	}
	slices.Sort(files)
	var all []testCase
	var errs []error
	for _, name := range files {
		data, err := readSource(source, name)
		if err != nil {
			return nil, err
		}
		r := &reader{file: name}
		all = append(all, r.cases(data)...)
		errs = append(errs, r.err())
	}
	return all, join(errs...)
}

func (r *reader) cases(data []byte) (all []testCase) {
	root, ok := r.document(data)
	if !ok {
		return nil
	}
	r.mapping(root, map[string]func(key, value *yaml.Node){
		"cases": func(_, list *yaml.Node) {
			if !r.is(list, yaml.SequenceNode) {
				return
			}
			for _, n := range list.Content {
				all = append(all, r.testCase(n))
			}
		},
	})
	return all
}

func (r *reader) testCase(n *yaml.Node) testCase {
	c := testCase{at: r.at(n), arguments: []byte("{}"), usage: map[string]int64{}, session: 1, time: caseTime}
	r.mapping(n, map[string]func(key, value *yaml.Node){
		"name":      func(_, v *yaml.Node) { c.name = r.text(v) },
		"agent":     func(_, v *yaml.Node) { c.agent = r.text(v) },
		"delegator": func(_, v *yaml.Node) { c.delegator = r.text(v) },
		"tool":      func(_, v *yaml.Node) { c.tool = r.text(v) },
		"resource":  func(_, v *yaml.Node) { c.resource = r.text(v) },
		"arguments": func(_, v *yaml.Node) { c.arguments = r.object(v) },
		"context":   func(_, v *yaml.Node) { c.context = r.object(v) },
		"usage":     func(_, v *yaml.Node) { r.usage(v, c.usage) },
		"session":   func(_, v *yaml.Node) { c.session = r.unsigned(v, 63) },
		"approvals": func(_, v *yaml.Node) { c.approvals = int(r.unsigned(v, 16)) }, //nolint:gosec // 16 bits
		"time":      func(_, v *yaml.Node) { c.time = r.moment(v) },
		"allow":     func(_, v *yaml.Node) { c.allow, c.allowGiven = r.flag(v), true },
		"policies":  func(_, v *yaml.Node) { c.policies = r.texts(v) },
	})
	if len(r.found) == 0 && (c.name == "" || c.agent == "" || c.tool == "" || c.resource == "" || !c.allowGiven) {
		r.fault(n, "case.incomplete", "write name, agent, tool, resource and allow", "the case %q lacks something", c.name)
	}
	return c
}

func (r *reader) texts(n *yaml.Node) []string {
	all := []string{} // an empty list means "no policy", nil "whichever"
	if r.is(n, yaml.SequenceNode) {
		for _, item := range n.Content {
			all = append(all, r.text(item))
		}
	}
	return all
}

func (r *reader) usage(n *yaml.Node, into map[string]int64) {
	if !r.is(n, yaml.MappingNode) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		into[n.Content[i].Value] = r.integer(n.Content[i+1])
	}
}

func (r *reader) moment(n *yaml.Node) time.Time {
	t, err := time.Parse(time.RFC3339, n.Value)
	if err != nil {
		r.fault(n, "yaml.time", "write it as 2026-01-01T12:00:00Z", "%q is not a time", n.Value)
	}
	return t
}

// object turns a mapping into the JSON that an agent would send.
func (r *reader) object(n *yaml.Node) []byte {
	if !r.is(n, yaml.MappingNode) {
		return nil
	}
	return r.json(nil, n)
}

// json keeps the order and the repetitions of the file: a case may try them.
func (r *reader) json(b []byte, n *yaml.Node) []byte {
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, n.Content[i].Value), ':')
			b = r.json(b, n.Content[i+1])
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = r.json(b, item)
		}
		return append(b, ']')
	default:
		return r.jsonScalar(b, n)
	}
}

func (r *reader) jsonScalar(b []byte, n *yaml.Node) []byte {
	switch n.ShortTag() {
	case "!!str":
		return appendJSON(b, n.Value)
	case "!!null":
		return append(b, "null"...)
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return append(b, n.Value...)
		}
	}
	r.fault(n, "yaml.json", "quote it, or write it as JSON would", "%q has no meaning in JSON", n.Value)
	return append(b, "null"...)
}

func appendJSON(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		return strconv.AppendQuote(b, s)
	}
	return append(b, text...)
}

// Cases returns the examples of tests/*.yaml as requests of a zone's agents. A
// case that names an agent or a tool which the release does not have is a
// problem.
func (s *ReleaseSource) Cases(trustDomain, zone string) ([]policy.Case, error) {
	var wrong policy.Problems
	cases := make([]policy.Case, 0, len(s.cases))
	for _, c := range s.cases {
		request := policy.Request{
			Tool: c.tool, Resource: c.resource, Arguments: c.arguments, Context: c.context,
			Session: c.session, Usage: map[string]int64{}, Approvals: c.approvals, LogTime: c.time,
		}
		wrong = append(wrong, s.party(c, c.agent, trustDomain, zone, &request.Principal)...)
		if c.delegator != "" {
			wrong = append(wrong, s.party(c, c.delegator, trustDomain, zone, &request.Delegator)...)
		}
		wrong = append(wrong, s.references(c)...)
		for _, l := range s.body.GetLimits() {
			request.Usage[l.GetId()] = c.usage[l.GetId()]
		}
		cases = append(cases, policy.Case{Name: c.name, Request: request, Allow: c.allow, Policies: c.policies})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return cases, nil
}

func (c testCase) wrong(mend, format string, args ...any) policy.Problems {
	return policy.Problems{{Code: "case.reference", Position: c.at, Message: fmt.Sprintf("case %q: ", c.name) + fmt.Sprintf(format, args...), Mend: mend}}
}

// references checks what a case names besides agents and policies.
func (s *ReleaseSource) references(c testCase) (wrong policy.Problems) {
	if !slices.ContainsFunc(s.body.GetTools(), func(t *pb.Tool) bool { return t.GetName() == c.tool }) {
		wrong = append(wrong, c.wrong("name one of tools.yaml", "tool %q is not in the registry", c.tool)...)
	}
	for id := range c.usage {
		if !slices.ContainsFunc(s.body.GetLimits(), func(l *pb.Limit) bool { return l.GetId() == id }) {
			wrong = append(wrong, c.wrong("name one of limits.yaml", "limit %q does not exist", id)...)
		}
	}
	return wrong
}

// party fills in an agent as the directory knows it.
func (s *ReleaseSource) party(c testCase, name, trustDomain, zone string, into *policy.Principal) policy.Problems {
	i := slices.IndexFunc(s.body.GetDirectory(), func(p *pb.Identity) bool {
		return p.GetName() == name && p.GetRole() == pb.Role_ROLE_AGENT
	})
	if i < 0 {
		return c.wrong("name one of directory.yaml", "agent %q is not in the directory", name)
	}
	entry := s.body.GetDirectory()[i]
	id := trust.Identity{TrustDomain: trustDomain, Zone: zone, Role: entry.GetRole(), Name: name}
	*into = policy.Principal{ID: id.String(), Groups: entry.GetGroups(), Attributes: attributes(entry.GetAttributes())}
	return nil
}

func attributes(in []*pb.Value) map[string]policy.Value {
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

// Test runs the cases against the policies; see policy.Test. Not passed, not
// covered and not guarded is in the report, not in the error.
func (s *ReleaseSource) Test(trustDomain, zone string) (policy.Report, error) {
	cases, err := s.Cases(trustDomain, zone)
	if err != nil {
		return policy.Report{}, err
	}
	report, err := policy.Test(s.policyConfig(), cases)
	if err != nil {
		return policy.Report{}, fmt.Errorf("fabric: %w", err)
	}
	return report, nil
}
