package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/schemas/internal/sample"
)

const committed = "../../asyncapi.yaml"

// published is what the committed document says, read back.
type published struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct {
		Address    string                       `yaml:"address"`
		Parameters map[string]map[string]string `yaml:"parameters"`
		Messages   map[string]map[string]string `yaml:"messages"`
	} `yaml:"channels"`
	Operations map[string]struct {
		Action  string            `yaml:"action"`
		Channel map[string]string `yaml:"channel"`
	} `yaml:"operations"`
	Components struct {
		Messages map[string]struct {
			ContentType string `yaml:"contentType"`
			List        bool   `yaml:"x-list"`
			Examples    []struct {
				Payload any `yaml:"payload"`
			} `yaml:"examples"`
		} `yaml:"messages"`
	} `yaml:"components"`
}

func read(t *testing.T) (text []byte, doc published) {
	t.Helper()
	text, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return text, doc
}

func TestCurrent(t *testing.T) {
	text, _ := read(t)
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Error("schemas/asyncapi.yaml is not what the table of kinds says; mend: make gen")
	}
}

// TestAgreesWithKinds compares the document with the table by other means than
// the generator's.
func TestAgreesWithKinds(t *testing.T) {
	_, doc := read(t)
	if doc.AsyncAPI != "3.0.0" {
		t.Errorf("AsyncAPI %q", doc.AsyncAPI)
	}
	channels, operations := 0, 0
	for _, kind := range schemas.Kinds() {
		message := doc.Components.Messages[kind.Name]
		if message.ContentType != kind.PayloadType || message.List != kind.List {
			t.Errorf("%s: contentType %q, list %v", kind.Name, message.ContentType, message.List)
		}
		if kind.Prefix == "" {
			continue
		}
		channels++
		channel, ok := doc.Channels[kind.Name]
		if !ok || channel.Messages[kind.Name]["$ref"] != "#/components/messages/"+kind.Name {
			t.Errorf("%s: channel %+v", kind.Name, channel)
		}
		if channel.Parameters["zone"] == nil || strings.Count(channel.Address, "{") != len(channel.Parameters) {
			t.Errorf("%s: address %s with parameters %v", kind.Name, channel.Address, channel.Parameters)
		}
		for _, role := range kind.Writers {
			operations++
			operation := doc.Operations[roleName(role)+"-writes-"+kind.Name]
			if operation.Action != "send" || operation.Channel["$ref"] != "#/channels/"+kind.Name {
				t.Errorf("%s by %s: %+v", kind.Name, roleName(role), operation)
			}
		}
	}
	if len(doc.Channels) != channels || len(doc.Operations) != operations {
		t.Errorf("%d channels and %d operations, want %d and %d", len(doc.Channels), len(doc.Operations), channels, operations)
	}
	for name, want := range map[string]string{
		"intent": "fabric.{zone}.intent.{agent}", "claim": "fabric.{zone}.claim.{tool}", "credential": "fabric.{zone}.credential.{name}",
		"pulse": "fabric.{zone}.pulse", "heartbeat": "heartbeat.{zone}.{role}.{name}", "answer": "answer.{zone}.{agent}", "checkpoint": "checkpoint.{zone}",
	} {
		if got := doc.Channels[name].Address; got != want {
			t.Errorf("%s: address %s, want %s", name, got, want)
		}
	}
}

// TestExamples: each example is a valid record.
func TestExamples(t *testing.T) {
	_, doc := read(t)
	for _, kind := range schemas.Kinds() {
		record := sample.Record(kind.Kind)
		if record == nil {
			continue
		}
		examples := doc.Components.Messages[kind.Name].Examples
		if len(examples) != 1 {
			t.Errorf("%s: %d examples", kind.Name, len(examples))
			continue
		}
		text, err := json.Marshal(examples[0].Payload)
		if err != nil {
			t.Fatal(err)
		}
		back := record.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(text, back); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		} else if err := schemas.Validate(back); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}

// TestReferences: every reference leads somewhere.
func TestReferences(t *testing.T) {
	text, _ := read(t)
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	count := 0
	var visit func(any)
	visit = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, value := range node {
				if target, isText := value.(string); key == "$ref" && isText {
					count++
					if !resolves(root, target) {
						t.Errorf("%s leads nowhere", target)
					}
				}
				visit(value)
			}
		case []any:
			for _, value := range node {
				visit(value)
			}
		}
	}
	visit(root)
	if count == 0 {
		t.Error("the document refers to nothing")
	}
}

func resolves(root any, target string) bool {
	for step := range strings.SplitSeq(strings.TrimPrefix(target, "#/"), "/") {
		table, ok := root.(map[string]any)
		if root, ok = table[step], ok && table[step] != nil; !ok {
			return false
		}
	}
	return true
}
