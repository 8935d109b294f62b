package stdio_test

import (
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
)

// mapped is the tool Echo, whose text is a customer.
var mapped = strings.Replace(mcptest.Echo, `"required":["text"]`,
	`"required":["text"],"x-authzen-mapping":{"evaluation":{"action":{"name":"greet"},"resource":{"type":"customer","id":"$params.arguments.text"}}}`, 1)

// TestTheReleaseNamesTheResource: policies judge the argument that is pinned for it,
// whatever the gateway is told; a call without it is none.
func TestTheReleaseNamesTheResource(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mapped), `@id("greet")
permit (principal in Group::"staff", action == Action::"greet", resource == Customer::"cust-1");
`)
	d := start(t, w, mcptest.Serve(t, nil, mapped), func(c *mcp.Config) { c.Resource = "how" })
	d.Say(echo(1, "cust-1"))
	d.HearText(`"id":1`, `"result"`)
	d.Say(echo(2, "cust-2"))
	d.HearText(`"id":2`, `policy.default_deny`)
	for _, arguments := range []string{`{}`, `{"text":""}`, `{"text":1}`, `{"how":{}}`, `{"Text":"cust-1"}`} {
		d.Say(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo_text","arguments":` + arguments + `}}`)
		d.HearText(`"id":3`, `-32602`, `\"text\" for the resource`)
	}
	if err := d.end(t); err != nil || len(d.server.Calls()) != 1 {
		t.Errorf("%v; %d calls reached the server", err, len(d.server.Calls()))
	}
}
