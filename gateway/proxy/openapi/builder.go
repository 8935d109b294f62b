package openapi

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// builder makes one route.
type builder struct {
	document *document
	route    *mapping.Route
}

// ownHeaders are parameters that OpenAPI says to ignore.
var ownHeaders = []string{"accept", "authorization", "content-type"}

func (b *builder) parameter(p *parameter) error {
	switch {
	case p.In == "header" && slices.Contains(ownHeaders, strings.ToLower(p.Name)):
		return nil
	case p.In == "cookie" && p.Required:
		return errCookie
	case p.In == "cookie":
		return nil
	}
	a := mapping.Argument{In: mapping.Place(p.In), Required: p.Required || p.In == "path"}
	plain, err := b.typed(&a, p.Schema)
	if err != nil {
		return err
	}
	exploded := p.Style == "form" || p.Style == ""
	if p.Explode != nil {
		exploded = exploded && *p.Explode
	}
	switch {
	case plain && (p.Style == "" || p.Style == "form" || p.Style == "simple"):
	case p.In == "query" && exploded && strings.HasSuffix(a.Type, "_set"):
	case !a.Required: // left out: a request that has it is refused
		return nil
	default:
		return errors.New("its values are not written one by one")
	}
	if plain && a.Type == "json" {
		a.Type = "string"
	}
	return b.add(a, p.Name)
}

var attributeSigns = regexp.MustCompile(`[^A-Za-z0-9_]`)

// add gives an argument a name: its own, or with its place before it if that is taken.
func (b *builder) add(a mapping.Argument, name string) error {
	a.Name = attributeSigns.ReplaceAllString(name, "_")
	taken := func() bool {
		return slices.ContainsFunc(b.route.Arguments, func(other mapping.Argument) bool { return other.Name == a.Name })
	}
	if taken() || a.Name == mapping.RequestArgument || a.Name != "" && a.Name[0] >= '0' && a.Name[0] <= '9' {
		a.Name = string(a.In) + "_" + a.Name
	}
	if taken() {
		return fmt.Errorf("two arguments would be called %q", a.Name)
	}
	a.From = name
	if a.In == mapping.InBody && strings.ContainsAny(name, "/~") {
		a.From = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	b.route.Arguments = append(b.route.Arguments, a)
	return nil
}

func (b *builder) body(body *requestBody) error {
	body, err := b.document.body(body)
	if err != nil {
		return err
	}
	json := body.Content["application/json"]
	switch {
	case len(body.Content) == 0:
		return nil
	case json == nil:
		b.route.Body = mapping.BodyOpaque
		return nil
	}
	b.route.Body = mapping.BodyJSON
	o := object{properties: map[string]*schema{}}
	if err := o.read(b.document, json.Schema, 0); err != nil {
		return fmt.Errorf("its body: %w", err)
	}
	b.route.Others = o.others || len(o.properties) == 0
	for _, name := range slices.Sorted(maps.Keys(o.properties)) {
		a := mapping.Argument{In: mapping.InBody, Required: slices.Contains(o.required, name)}
		if _, err := b.typed(&a, o.properties[name]); err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
		if err := b.add(a, name); err != nil {
			return err
		}
	}
	return nil
}

// object is what a schema says of an object's members.
type object struct {
	properties map[string]*schema
	required   []string
	others     bool
}

var errBody = errors.New("a body that is no object, or one of several kinds, cannot be told in a route's terms; write a mapping file instead")

// read adds what a schema, and all that it is made of, says.
func (o *object) read(d *document, s *schema, depth int) error {
	s, err := d.schema(s)
	if err != nil {
		return err
	}
	if kind := typeOf(s); depth > maxReferences || kind != "object" && kind != "" || len(s.OneOf)+len(s.AnyOf) > 0 {
		return errBody
	}
	maps.Copy(o.properties, s.Properties)
	o.required = append(o.required, s.Required...)
	o.others = o.others || s.Additional.Kind != 0 && s.Additional.Value != "false"
	for _, part := range s.AllOf {
		if err := o.read(d, part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// typed gives an argument the type of a schema. Plain says that a value is one text.
func (b *builder) typed(a *mapping.Argument, s *schema) (plain bool, err error) {
	if s == nil {
		s = &schema{}
	}
	if s, err = b.document.schema(s); err != nil {
		return false, err
	}
	a.Type = "json"
	switch typeOf(s) {
	case "string":
		a.Type, a.MaxLength, a.OneOf = "string", s.MaxLength, texts(s.Enum)
	case "integer":
		a.Type, a.Min, a.Max = "long", bound(s.Minimum), bound(s.Maximum)
	case "boolean":
		a.Type = "bool"
	case "array":
		a.Type = b.setOf(s.Items)
		return false, nil
	case "object":
		return false, nil
	}
	return true, nil
}

func (b *builder) setOf(items *schema) string {
	of, err := b.document.schema(items)
	if err != nil {
		return "json"
	}
	switch typeOf(of) {
	case "string":
		return "string_set"
	case "integer":
		return "long_set"
	default:
		return "json"
	}
}

// typeOf is a schema's one type besides null; "" if there is none, or several.
func typeOf(s *schema) string {
	switch s.Type.Kind {
	case yaml.ScalarNode:
		return s.Type.Value
	case yaml.SequenceNode:
		var kinds []string
		for _, n := range s.Type.Content {
			if n.Value != "null" {
				kinds = append(kinds, n.Value)
			}
		}
		if len(kinds) == 1 {
			return kinds[0]
		}
		return "any"
	case yaml.DocumentNode, yaml.MappingNode, yaml.AliasNode:
	}
	if len(s.Properties) > 0 {
		return "object"
	}
	return ""
}

const maxOneOf = 256

// texts are the values of an enum, if all are texts and a release can hold them.
func texts(values []yaml.Node) []string {
	if len(values) > maxOneOf {
		return nil
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		if v.Kind != yaml.ScalarNode || v.Tag != "!!str" {
			return nil
		}
		out = append(out, v.Value)
	}
	return out
}

func bound(n yaml.Node) *int64 {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return nil
	}
	return &v
}
