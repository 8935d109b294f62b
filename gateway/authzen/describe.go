package authzen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Description is a mapping applied to a release, for people.
type Description struct {
	Subjects  []SubjectWords  `json:"subjects"`
	Actions   []ActionWords   `json:"actions"`
	Resources []ResourceWords `json:"resources"`
}

// SubjectWords is one type of subjects.
type SubjectWords struct {
	Type string   `json:"type"`
	By   string   `json:"by"` // name, or an attribute of the directory
	IDs  []string `json:"ids"`
}

// ActionWords is one action. Arguments are the properties of action and resource, Context
// the members of the context; an exclamation mark ends those that must be there.
type ActionWords struct {
	Action       string   `json:"action"`
	Tool         string   `json:"tool"`
	ResourceType string   `json:"resource_type"`
	Arguments    []string `json:"arguments"`
	Context      []string `json:"context"`
}

// ResourceWords is one type of resources, and those that a search can find.
type ResourceWords struct {
	Type        string   `json:"type"`
	ReleaseType string   `json:"release_type"`
	Named       []string `json:"named"`
}

// Describe says how a mapping puts clients' words into a release's.
func Describe(r *governance.Release, m Mapping) (Description, error) {
	if err := m.check(); err != nil {
		return Description{}, err
	}
	b := newBook(r, m)
	var d Description
	for _, kind := range slices.Sorted(maps.Keys(b.subjects)) {
		by, mapped := m.Subjects[kind]
		if !mapped {
			by = "name"
		}
		d.Subjects = append(d.Subjects, SubjectWords{kind, by, b.ids(kind)})
	}
	kinds := map[string]string{}
	for _, t := range b.actions {
		d.Actions = append(d.Actions, ActionWords{governance.ToolAction(t), t.GetName(), t.GetResourceType(), declared(t.GetArguments()), declared(t.GetEnvironment())})
		kinds[t.GetResourceType()] = t.GetResourceType()
	}
	maps.Copy(kinds, m.Resources)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		d.Resources = append(d.Resources, ResourceWords{kind, kinds[kind], append([]string{}, b.named[kinds[kind]]...)})
	}
	return d, nil
}

func declared(all []*pb.Attribute) []string {
	names := []string{}
	for _, a := range all {
		name := a.GetName() + ": " + strings.ToLower(strings.TrimPrefix(a.GetType().String(), "ATTRIBUTE_TYPE_"))
		if a.GetRequired() {
			name += "!"
		}
		names = append(names, name)
	}
	return names
}

// String is the description as a table.
func (d Description) String() string {
	var out strings.Builder
	out.WriteString("subjects\n")
	for _, s := range d.Subjects {
		fmt.Fprintf(&out, "  type %-12q agents by %s: %s\n", s.Type, s.By, listed(s.IDs))
	}
	out.WriteString("actions\n")
	for _, a := range d.Actions {
		fmt.Fprintf(&out, "  name %-20q tool %s on %s\n", a.Action, a.Tool, a.ResourceType)
		fmt.Fprintf(&out, "    properties of action and resource: %s\n    context: %s\n", listed(a.Arguments), listed(a.Context))
	}
	out.WriteString("resources\n")
	for _, r := range d.Resources {
		fmt.Fprintf(&out, "  type %-12q %s; policies name: %s\n", r.Type, r.ReleaseType, listed(r.Named))
	}
	return out.String()
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
