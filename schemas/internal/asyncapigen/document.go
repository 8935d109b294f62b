package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/schemas/internal/sample"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// object is a JSON object of the document; it is written with its keys sorted.
type object map[string]any

const about = `What travels on the subjects of one zone. Every message but a checkpoint is a serialized portcullis.v1.Envelope whose
payload_type is the message's contentType and whose signatures cover its payload as sent. Payload schemas and examples
show records in protobuf's JSON form (bytes are base64); on the wire they are binary protobuf, and where x-list is true
the payload is a portcullis.v1.List of such records. No message has headers.
`

// document is the AsyncAPI 3.0 document of the table of kinds.
func document() (object, error) {
	channels, operations, messages, types := object{}, object{}, object{}, object{}
	for _, kind := range schemas.Kinds() {
		message, err := messageOf(kind, types)
		if err != nil {
			return nil, err
		}
		messages[kind.Name] = message
		if kind.Prefix == "" {
			continue // travels inside others
		}
		channels[kind.Name] = channelOf(kind)
		for _, role := range kind.Writers {
			operations[roleName(role)+"-writes-"+kind.Name] = object{
				"action":   "send",
				"channel":  ref("channels", kind.Name),
				"messages": []any{ref("channels", kind.Name, "messages", kind.Name)},
				"summary":  fmt.Sprintf("A participant in the role %s writes a %s.", roleName(role), kind.Name),
			}
		}
	}
	return object{
		"asyncapi":   "3.0.0",
		"info":       object{"title": "Portcullis", "version": "1.0.0", "description": about, "license": object{"name": "Apache-2.0"}},
		"channels":   channels,
		"operations": operations,
		"components": object{"messages": messages, "parameters": parameters(), "schemas": types},
	}, nil
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

func channelOf(kind schemas.KindInfo) object {
	address := address(kind)
	used := object{}
	for _, match := range placeholder.FindAllStringSubmatch(address, -1) {
		used[match[1]] = ref("components", "parameters", match[1])
	}
	return object{
		"address":    address,
		"summary":    kind.Summary,
		"parameters": used,
		"messages":   object{kind.Name: ref("components", "messages", kind.Name)},
	}
}

// address is the kind's subject, written by the very function that services use.
func address(kind schemas.KindInfo) string {
	tokens := map[schemas.Token]string{
		schemas.TokenNone:        "",
		schemas.TokenParticipant: "{name}",
		schemas.TokenAgent:       "{agent}",
		schemas.TokenTool:        "{tool}",
		schemas.TokenInstance:    "{role}.{name}",
	}
	return schemas.Subject("{zone}", kind.Kind, tokens[kind.Token])
}

func messageOf(kind schemas.KindInfo, types object) (object, error) {
	message := object{
		"name": kind.Name, "title": kind.Name, "summary": kind.Summary, "contentType": kind.PayloadType, "x-list": kind.List,
	}
	record := sample.Record(kind.Kind)
	if record == nil {
		message["payload"] = object{"type": "string"}
		return message, nil
	}
	example, err := example(record)
	if err != nil {
		return nil, fmt.Errorf("example of a %s: %w", kind.Name, err)
	}
	message["payload"] = typeOf(record.ProtoReflect().Descriptor(), types)
	message["examples"] = []any{object{"name": kind.Name, "payload": example}}
	return message, nil
}

func example(record proto.Message) (any, error) {
	text, err := protojson.Marshal(record)
	if err != nil {
		return nil, err
	}
	var value any
	return value, json.Unmarshal(text, &value)
}

func parameters() object {
	const name = " 1 to 63 of a-z, 0-9 and, inside, '-'."
	roles := slices.DeleteFunc(slices.Sorted(maps.Values(pb.Role_name)), func(s string) bool { return s == pb.Role_ROLE_UNSPECIFIED.String() })
	for i, s := range roles {
		roles[i] = roleName(pb.Role(pb.Role_value[s]))
	}
	return object{
		"zone":  object{"description": "The zone." + name},
		"agent": object{"description": "The agent's name." + name},
		"name":  object{"description": "The writer's name." + name},
		"tool":  object{"description": "A tool of the release's registry, or " + schemas.NoTool + "." + name},
		"role":  object{"description": "The writer's role.", "enum": roles},
	}
}
