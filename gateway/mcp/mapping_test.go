package mcp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// declaring is a tool with a declared mapping.
func declaring(mapping string) []Definition {
	l, err := ReadListing(fmt.Appendf(nil, `{"tools":[{"name":"get_customer","inputSchema":{"properties":{
		"id":{"type":"string"},"case":{"type":"string"},"n":{"type":"integer"},"maybe":{"type":"string"}},"required":["id","case","n"],"x-authzen-mapping":%s}}]}`, mapping))
	if err != nil {
		panic(err)
	}
	return l.Tools
}

// TestADeclaredMapping is pinned as the release's own fields.
func TestADeclaredMapping(t *testing.T) {
	const plain = "    action: \"get_customer\"\n    resource_type: Customer\n    resource_argument: id\n"
	for mapping, want := range map[string]string{
		`{"evaluation":{"subject":{"type":"identity","id":"$token.sub"},"action":{"name":"get_customer"},"resource":{"type":"customer","id":"$params.arguments.id"},
			"context":{"agent":"$token.?client_id","case":"$params.arguments.case"}}}`: plain,
		`{"evaluation":{"action":{"name":"get_customer"},"resource":{"type":"Customer","id":"$params.arguments[\"id\"]"}}}`:                                                       plain,
		`{"evaluation":{"subject":{},"action":{"name":"get_customer"},"resource":{"type":"customer","id":"$params.arguments['id']"},"context":{"m":"$params.arguments.?maybe"}}}`: plain,
		`{"evaluation":{"action":{"name":"$$50"},"resource":{"type":"storage_object","id":"$params.arguments.case"}}}`:                                                            "    action: \"$50\"\n    resource_type: StorageObject\n    resource_argument: case\n",
	} {
		got, err := Pin(Pinning{Server: "srv", ResourceType: "Server"}, declaring(mapping))
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s is pinned as %s: %v", mapping, got, err)
		}
	}
}

// TestAMappingThatSaysMore than a release can is not pinned in part.
func TestAMappingThatSaysMore(t *testing.T) {
	const action, resource = `"action":{"name":"a"}`, `"resource":{"type":"customer","id":"$params.arguments.id"}`
	for name, mapping := range map[string]string{
		"no object":                   `"evaluation"`,
		"nothing":                     `null`,
		"no envelope":                 `{}`,
		"several evaluations":         `{"evaluations":{"evaluations":[{` + action + `,` + resource + `}]}}`,
		"two envelopes":               `{"evaluation":{` + action + `,` + resource + `},"evaluations":{}}`,
		"no resource":                 `{"evaluation":{` + action + `}}`,
		"no action":                   `{"evaluation":{` + resource + `}}`,
		"another member":              `{"evaluation":{` + action + `,` + resource + `,"obligations":[]}}`,
		"another's identity":          `{"evaluation":{"subject":{"id":"$params.arguments.id"},` + action + `,` + resource + `}}`,
		"a made-up identity":          `{"evaluation":{"subject":{"id":"root"},` + action + `,` + resource + `}}`,
		"a made-up privilege":         `{"evaluation":{"subject":{"id":"$token.sub","properties":{"admin":true}},` + action + `,` + resource + `}}`,
		"a computed kind of subject":  `{"evaluation":{"subject":{"type":"$token.kind"},` + action + `,` + resource + `}}`,
		"a computed action":           `{"evaluation":{"action":{"name":"$params.name"},` + resource + `}}`,
		"a fixed resource":            `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"all"}}}`,
		"a computed resource":         `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.id + '/x'"}}}`,
		"a conditional resource":      `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.n > 1 ? 'a' : 'b'"}}}`,
		"a deep resource":             `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.id.x"}}}`,
		"a resource of the token":     `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$token.aud"}}}`,
		"a resource that is absent":   `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.?maybe"}}}`,
		"a resource that is a number": `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.n"}}}`,
		"a resource of no argument":   `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.other"}}}`,
		"a kind that is none":         `{"evaluation":{` + action + `,"resource":{"type":"9 lives","id":"$params.arguments.id"}}}`,
		"properties of the resource":  `{"evaluation":{` + action + `,"resource":{"type":"customer","id":"$params.arguments.id","properties":{}}}}`,
		"a literal in the context":    `{"evaluation":{` + action + `,` + resource + `,"context":{"level":"high"}}}`,
		"a claim in the context":      `{"evaluation":{` + action + `,` + resource + `,"context":{"level":"$token.level"}}}`,
		"a context that may lack":     `{"evaluation":{` + action + `,` + resource + `,"context":{"m":"$params.arguments.maybe"}}}`,
		"a context that is no object": `{"evaluation":{` + action + `,` + resource + `,"context":[]}}`,
	} {
		got, err := Pin(Pinning{Server: "srv", ResourceType: "Server"}, declaring(mapping))
		if !errors.Is(err, errMapping) || got != "" || !strings.Contains(err.Error(), "get_customer") {
			t.Errorf("%s is pinned as %s: %v", name, got, err)
		}
	}
}

// TestPinnedResources: what names a resource is always there and a text, or it is
// not pinned; the other tools are.
func TestPinnedResources(t *testing.T) {
	l, err := ReadListing([]byte(`{"tools":[{"name":"read_file","inputSchema":{"properties":{"path":{"type":"string"},"limit":{"type":"integer"},"mode":{"type":"string"}},"required":["path","limit"]}},{"name":"other"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ tool, argument, refused string }{
		{"read_file", "path", ""},
		{"read_file", "limit", "not a required string"},
		{"read_file", "mode", "not a required string"},
		{"read_file", "none", "not a required string"},
		{"raed_file", "path", `no tool "raed_file"`},
	} {
		got, err := Pin(Pinning{Server: "srv", ResourceType: "Server", Resources: map[string]string{test.tool: test.argument}}, l.Tools)
		if (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s of %s: %v", test.argument, test.tool, err)
		}
		if strings.Contains(got, "resource_argument: "+test.argument+"\n") != (test.refused == "") || !strings.Contains(got, "  - name: srv-other\n") {
			t.Errorf("%s of %s is pinned as %s", test.argument, test.tool, got)
		}
	}
	declared := declaring(`{"evaluation":{"action":{"name":"a"},"resource":{"type":"customer","id":"$params.arguments.id"}}}`)
	for argument, good := range map[string]bool{"id": true, "case": false} {
		if _, err := Pin(Pinning{Server: "srv", ResourceType: "Server", Resources: map[string]string{"get_customer": argument}}, declared); (err == nil) != good {
			t.Errorf("a mapping that takes id, and a pinning that takes %s: %v", argument, err)
		}
	}
}
