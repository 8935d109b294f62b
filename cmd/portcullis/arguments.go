package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// argumentFlags are a tool's arguments: one by one, or as JSON.
type argumentFlags struct {
	pairs []string
	text  string
}

func (a *argumentFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&a.pairs, "arg", nil, "an argument, NAME=VALUE; typed as the tool declares it")
	c.Flags().StringVar(&a.text, "args", "", "all arguments as one JSON object")
	c.MarkFlagsMutuallyExclusive("arg", "args")
}

// json is the arguments as a JSON object. A value whose argument the tool does
// not declare stays a string: saying no to it is policy's business.
func (a *argumentFlags) json(tool *pb.Tool) (json.RawMessage, error) {
	if a.text != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(a.text), &object); err != nil || object == nil {
			return nil, usage(errors.New(`--args is not a JSON object; write for example {"path":"reports/q3.txt"}`))
		}
		return json.RawMessage(a.text), nil
	}
	object := make(map[string]any, len(a.pairs))
	for _, pair := range a.pairs {
		name, value, found := strings.Cut(pair, "=")
		if _, twice := object[name]; !found || name == "" || twice {
			return nil, usage(fmt.Errorf("--arg %q is not NAME=VALUE or names an argument twice; write for example --arg amount=250", pair))
		}
		typed, err := typedArgument(typeOf(tool, name), value)
		if err != nil {
			return nil, usage(fmt.Errorf("--arg %s: %w", name, err))
		}
		object[name] = typed
	}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("the arguments have no JSON form: %w", err)
	}
	return data, nil
}

func typeOf(tool *pb.Tool, argument string) pb.AttributeType {
	for _, a := range tool.GetArguments() {
		if a.GetName() == argument {
			return a.GetType()
		}
	}
	return pb.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED
}

func typedArgument(t pb.AttributeType, value string) (any, error) {
	switch t {
	case pb.AttributeType_ATTRIBUTE_TYPE_LONG:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number; write digits only", value)
		}
		return n, nil
	case pb.AttributeType_ATTRIBUTE_TYPE_BOOL:
		if value != "true" && value != "false" {
			return nil, fmt.Errorf("%q is neither; write true or false", value)
		}
		return value == "true", nil
	case pb.AttributeType_ATTRIBUTE_TYPE_STRING_SET, pb.AttributeType_ATTRIBUTE_TYPE_LONG_SET:
		var set []any
		if err := json.Unmarshal([]byte(value), &set); err != nil {
			return nil, fmt.Errorf("%q is not a set; write a JSON array", value)
		}
		return json.RawMessage(value), nil
	case pb.AttributeType_ATTRIBUTE_TYPE_JSON:
		if !json.Valid([]byte(value)) {
			return nil, fmt.Errorf("%q is no JSON; write a JSON value", value)
		}
		return json.RawMessage(value), nil
	case pb.AttributeType_ATTRIBUTE_TYPE_STRING, pb.AttributeType_ATTRIBUTE_TYPE_DECIMAL, pb.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED:
		return value, nil
	default:
		return value, nil
	}
}
