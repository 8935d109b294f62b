package policy

import (
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	schemaast "github.com/cedar-policy/cedar-go/x/exp/schema/ast"
)

// Schema returns the Cedar schema that the registry of cfg generates, in
// Cedar's human syntax. It is shown to people and never read back. An unusable
// registry yields the schema of its usable part; [Lint] tells what is wrong.
func Schema(cfg Config) string {
	caps, _ := cfg.Caps.effective()
	r := newRegistry(cfg, caps, &findings{})
	text, err := schema.NewSchemaFromAST(r.schema(r.tools)).MarshalCedar()
	if err != nil {
		return ""
	}
	return string(text)
}

// schema builds the Cedar schema of the model with every entity type and the
// actions of some of the tools.
func (r *registry) schema(tools []*tool) *schemaast.Schema {
	s := &schemaast.Schema{
		Entities: schemaast.Entities{
			schemaast.Ident(agentType): {ParentTypes: []schemaast.EntityTypeRef{schemaast.EntityTypeRef(groupType)}, Shape: r.principal.schema()},
			schemaast.Ident(groupType): {},
		},
		Actions: schemaast.Actions{everyAction.ID: {}},
	}
	for _, t := range r.tools {
		s.Entities[schemaast.Ident(t.resourceType)] = schemaast.Entity{
			Shape: schemaast.RecordType{"id": {Type: schemaast.String()}},
		}
	}
	for _, t := range tools {
		s.Actions[t.action.ID] = schemaast.Action{
			Parents: []schemaast.ParentRef{schemaast.ParentRefFromID(everyAction.ID)},
			AppliesTo: &schemaast.AppliesTo{
				Principals: []schemaast.EntityTypeRef{schemaast.EntityTypeRef(agentType)},
				Resources:  []schemaast.EntityTypeRef{schemaast.EntityTypeRef(t.resourceType)},
				Context:    r.contextSchema(t),
			},
		}
	}
	return s
}

func (r *registry) contextSchema(t *tool) schemaast.RecordType {
	usage := schemaast.RecordType{}
	for _, id := range r.limits {
		usage[types.String(id)] = schemaast.Attribute{Type: schemaast.Long()}
	}
	return schemaast.RecordType{
		"arguments":   {Type: t.arguments.schema()},
		"environment": {Type: t.environment.schema()},
		"session":     {Type: schemaast.RecordType{"sequence": {Type: schemaast.Long()}}},
		"usage":       {Type: usage},
		"time":        {Type: schemaast.Long()},
		"delegator":   {Type: schemaast.EntityTypeRef(agentType), Optional: true},
	}
}

func (fs *fields) schema() schemaast.RecordType {
	record := schemaast.RecordType{}
	for _, f := range fs.list {
		record[types.String(f.name)] = schemaast.Attribute{Type: f.kind.schema(), Optional: !f.required}
	}
	return record
}

func (t Type) schema() schemaast.IsType {
	switch t {
	case TypeLong:
		return schemaast.Long()
	case TypeBool:
		return schemaast.Bool()
	case TypeStringSet:
		return schemaast.Set(schemaast.String())
	case TypeLongSet:
		return schemaast.Set(schemaast.Long())
	case TypeDecimal:
		return schemaast.Decimal()
	case TypeString, TypeJSON, TypeUndeclared: // newField lets no undeclared type through
	}
	return schemaast.String()
}
