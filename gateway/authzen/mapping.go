package authzen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// SubjectType is the type of subjects that are agents by their names in the directory.
// It is always there.
const SubjectType = "agent"

// Mapping says in which words clients ask. The zero value is the release's own.
type Mapping struct {
	// Subjects are further types of subjects. Each is the agents by one text attribute
	// of the directory: a subject's id is the attribute's value. An id that two agents
	// have is nobody's.
	Subjects map[string]string
	// Resources are names of the release's resource types in clients' words.
	Resources map[string]string
}

func (m Mapping) check() error {
	if _, taken := m.Subjects[SubjectType]; taken {
		return fmt.Errorf("authzen: subjects of type %q are agents by name; give another type", SubjectType)
	}
	for _, words := range []map[string]string{m.Subjects, m.Resources} {
		for from, to := range words {
			if from == "" || to == "" {
				return errors.New("authzen: a mapping has two words, such as user=email or todo=Todo")
			}
		}
	}
	return nil
}

// resourceType is a type in the release's words.
func (m Mapping) resourceType(kind string) string {
	if to, mapped := m.Resources[kind]; mapped {
		return to
	}
	return kind
}

// question puts a tuple into the release's terms. What cannot be put so names nobody
// or nothing that the release knows, and is denied for it.
func (m Mapping) question(book *book, t tuple) (pdp.Question, error) {
	arguments, err := joined(t.resource.properties, t.action.properties)
	return pdp.Question{
		Agent: book.agent(t.subject), Action: t.action.name,
		ResourceType: m.resourceType(t.resource.kind), Resource: t.resource.id,
		Arguments: arguments, Context: t.context,
	}, err
}

// joined is one object of the members of several. A name that is in two of them stands
// twice in it, which the core refuses as it refuses it in any arguments.
func joined(all ...members) (json.RawMessage, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for _, one := range all {
		for _, name := range slices.Sorted(maps.Keys(one)) {
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			key, err := jsonrpc.Encode(name)
			if err != nil {
				return nil, err
			}
			out.Write(key)
			out.WriteByte(':')
			out.Write(one[name])
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// stated reports whether a directory's value is what a property says.
func stated(v *pb.Value, property json.RawMessage) bool {
	want, err := jsonrpc.Encode(plain(v))
	if err != nil {
		return false
	}
	got, err := jsonrpc.Canonical(property)
	return err == nil && bytes.Equal(want, got)
}

// plain is a value as JSON has it. One that is not set is like no property.
func plain(v *pb.Value) any {
	switch x := v.GetValue().(type) {
	case *pb.Value_Text:
		return x.Text
	case *pb.Value_Number:
		return x.Number
	case *pb.Value_Flag:
		return x.Flag
	case *pb.Value_Texts:
		return x.Texts.GetValues()
	default:
		return func() {} // has no JSON form
	}
}
