package main

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func ref(path ...string) object { return object{"$ref": "#/" + strings.Join(path, "/")} }

func roleName(role pb.Role) string {
	return strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_"))
}

// wellKnown are the JSON forms of protobuf's own types.
var wellKnown = map[protoreflect.FullName]object{
	"google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
	"google.protobuf.Duration":  {"type": "string", "pattern": `^-?[0-9]+(\.[0-9]+)?s$`},
}

// typeOf refers to the JSON Schema of a message and sees to it that types has it
// and all that it refers to.
func typeOf(message protoreflect.MessageDescriptor, types object) object {
	if known, ok := wellKnown[message.FullName()]; ok {
		return known
	}
	name := string(message.Name())
	if _, done := types[name]; !done {
		properties := object{}
		types[name] = object{"type": "object", "additionalProperties": false, "properties": properties}
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			properties[field.JSONName()] = fieldType(field, types)
		}
	}
	return ref("components", "schemas", name)
}

func fieldType(field protoreflect.FieldDescriptor, types object) object {
	one := valueType(field, types)
	if field.IsList() {
		return object{"type": "array", "items": one}
	}
	return one
}

// valueType is the JSON form of one value: protobuf's JSON mapping.
func valueType(field protoreflect.FieldDescriptor, types object) object {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return typeOf(field.Message(), types)
	case protoreflect.EnumKind:
		return enumType(field.Enum())
	case protoreflect.BytesKind:
		return object{"type": "string", "contentEncoding": "base64"}
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return object{"type": "integer"}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return object{"type": "string", "pattern": "^-?[0-9]+$"} // JSON numbers do not hold 64 bits
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return object{"type": "number"}
	case protoreflect.StringKind:
		return object{"type": "string"}
	default:
		return object{}
	}
}

func enumType(enum protoreflect.EnumDescriptor) object {
	names := make([]string, enum.Values().Len())
	for i := range names {
		names[i] = string(enum.Values().Get(i).Name())
	}
	return object{"type": "string", "enum": names}
}
