package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// document is what is read of one. Members that say nothing about what a request
// looks like are left alone.
type document struct {
	OpenAPI    string               `yaml:"openapi"`
	Paths      map[string]*pathItem `yaml:"paths"`
	Components struct {
		Parameters    map[string]*parameter   `yaml:"parameters"`
		RequestBodies map[string]*requestBody `yaml:"requestBodies"`
		Schemas       map[string]*schema      `yaml:"schemas"`
	} `yaml:"components"`
}

type pathItem struct {
	Ref        string       `yaml:"$ref"`
	Parameters []*parameter `yaml:"parameters"`
	Get        *operation   `yaml:"get"`
	Head       *operation   `yaml:"head"`
	Post       *operation   `yaml:"post"`
	Put        *operation   `yaml:"put"`
	Patch      *operation   `yaml:"patch"`
	Delete     *operation   `yaml:"delete"`
}

type operation struct {
	ID          string       `yaml:"operationId"`
	Summary     string       `yaml:"summary"`
	Description string       `yaml:"description"`
	Parameters  []*parameter `yaml:"parameters"`
	RequestBody *requestBody `yaml:"requestBody"`
}

type parameter struct {
	Ref      string  `yaml:"$ref"`
	Name     string  `yaml:"name"`
	In       string  `yaml:"in"`
	Required bool    `yaml:"required"`
	Style    string  `yaml:"style"`
	Explode  *bool   `yaml:"explode"`
	Schema   *schema `yaml:"schema"`
}

type requestBody struct {
	Ref      string            `yaml:"$ref"`
	Required bool              `yaml:"required"`
	Content  map[string]*media `yaml:"content"`
}

type media struct {
	Schema *schema `yaml:"schema"`
}

// schema is what is read of a JSON Schema. Type is a text, or with 3.1 a list.
type schema struct {
	Ref        string             `yaml:"$ref"`
	Type       yaml.Node          `yaml:"type"`
	Enum       []yaml.Node        `yaml:"enum"`
	Minimum    yaml.Node          `yaml:"minimum"`
	Maximum    yaml.Node          `yaml:"maximum"`
	MaxLength  uint32             `yaml:"maxLength"`
	ReadOnly   bool               `yaml:"readOnly"`
	Items      *schema            `yaml:"items"`
	Properties map[string]*schema `yaml:"properties"`
	Required   []string           `yaml:"required"`
	Additional yaml.Node          `yaml:"additionalProperties"`
	AllOf      []*schema          `yaml:"allOf"`
	OneOf      []*schema          `yaml:"oneOf"`
	AnyOf      []*schema          `yaml:"anyOf"`
}

// UnmarshalYAML reads true and false, which are schemas in 3.1, as one that says
// nothing.
func (s *schema) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return nil
	}
	type plain schema // without this method
	return node.Decode((*plain)(s))
}

// parse reads YAML, or JSON, in which no name may stand twice.
func parse(data []byte) (*document, error) {
	if len(data) > mapping.MaxFile {
		return nil, fmt.Errorf("openapi: the document has more than %d bytes", mapping.MaxFile)
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) { // JSON may hold tabs, which YAML may not
		canonical, err := jsonrpc.Canonical(data)
		if err != nil {
			return nil, fmt.Errorf("openapi: %s", strings.TrimPrefix(err.Error(), "jsonrpc: "))
		}
		data = canonical
	}
	var d document
	if err := yaml.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.0.") && !strings.HasPrefix(d.OpenAPI, "3.1.") {
		return nil, fmt.Errorf("openapi: the version is %.20q; 3.0 and 3.1 are read", d.OpenAPI)
	}
	return &d, nil
}

var errReference = errors.New("a reference leads out of this document's components, nowhere, or in a circle; write a mapping file instead")

// maxReferences bounds how many references are followed to one thing.
const maxReferences = 16

// follow resolves references to components of one kind.
func follow[T any](components map[string]*T, kind string, item *T, ref func(*T) string) (*T, error) {
	for range maxReferences {
		if item == nil {
			return nil, errReference
		}
		at := ref(item)
		if at == "" {
			return item, nil
		}
		name, ok := strings.CutPrefix(at, "#/components/"+kind+"/")
		if !ok {
			return nil, errReference
		}
		item = components[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return nil, errReference
}

func (d *document) parameter(p *parameter) (*parameter, error) {
	return follow(d.Components.Parameters, "parameters", p, func(p *parameter) string { return p.Ref })
}

func (d *document) body(b *requestBody) (*requestBody, error) {
	return follow(d.Components.RequestBodies, "requestBodies", b, func(b *requestBody) string { return b.Ref })
}

func (d *document) schema(s *schema) (*schema, error) {
	return follow(d.Components.Schemas, "schemas", s, func(s *schema) string { return s.Ref })
}
