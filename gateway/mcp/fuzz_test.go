package mcp_test

import (
	"encoding/json"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
)

// FuzzListing: whatever a server lists is refused, or can be pinned or refused, and
// a tool's digest does not depend on how it is spelt.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"tools":[{"name":"a_b","description":"x\n: #","inputSchema":{"properties":{"p":{"type":"integer","minimum":0},"q":true,"r":{"enum":["a"],"type":"string"}},"required":["p"]}}],"nextCursor":"n"}`))
	f.Add([]byte(`{"tools":[{"name":"m","inputSchema":{"properties":{"id":{"type":"string"}},"required":["id"],"x-authzen-mapping":{"evaluation":{"action":{"name":"$$read"},"resource":{"type":"storage_object","id":"$params.arguments[\"id\"]"},"context":{"c":"$params.arguments.?id"}}}}}]}`))
	f.Add([]byte(`{"tools":[{"name":"A"},{"name":"a"}]}`))
	f.Add([]byte(`{"tools":[{"name":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := mcp.ReadListing(data)
		if err != nil {
			return
		}
		_, _ = mcp.Pin(mcp.Pinning{Server: "fuzz", ResourceType: "Server"}, l.Tools)
		for _, d := range l.Tools {
			var value any
			if err := json.Unmarshal(d.Raw, &value); err != nil {
				t.Fatal(err)
			}
			if name := mcp.ToolName("fuzz", d.Name); len(name) > 63 {
				t.Fatalf("%q is too long", name)
			}
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
