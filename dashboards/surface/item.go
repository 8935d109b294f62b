package surface

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Item spells an item of a record in protobuf's JSON form, for people who want to see
// what its bytes say. Message is the full name of its type (schemas.KindInfo). Nothing
// is verified by this.
func Item(message string, item []byte, form protojson.MarshalOptions) (json.RawMessage, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(message))
	if err != nil {
		return nil, err
	}
	m := kind.New().Interface()
	if err := proto.Unmarshal(item, m); err != nil {
		return nil, err
	}
	return form.Marshal(m)
}
