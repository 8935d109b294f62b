package stdio_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
)

// asks permits an echo once somebody has approved it.
const asks = `@id("asked")
@approvals("1")
permit (principal in Group::"staff", action == Action::"fake-echo-text", resource == Server::"fake");
`

// TestPending: while people are asked, the client is told in the way that it
// understands; its user may give the call up, and cannot approve it.
func TestPending(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), asks)
	server := mcptest.Serve(t, nil, mcptest.Echo)
	d := start(t, w, server, func(c *mcp.Config) { c.Timeout = 4 * time.Second })

	d.Say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo_text","arguments":{"text":"x"},"_meta":{"progressToken":"p"}}}`)
	d.HearText("notifications/progress", `"progressToken":"p"`, "portcullis approvals approve")
	d.HearText(`"id":1`, `"pending":true`, "nobody approved")

	d.Say(`{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"capabilities":{"elicitation":{}}}}`)
	d.HearText(`"id":2`)
	for id, action := range map[string]string{"3": "decline", "4": "accept"} {
		d.Say(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"echo_text","arguments":{"text":"x"}}}`)
		question := d.HearText("elicitation/create", "portcullis approvals approve")
		answer, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": question.ID, "result": map[string]string{"action": action}})
		if err != nil {
			t.Fatal(err)
		}
		d.Say(string(answer))
		if action == "decline" {
			d.HearText(`"id":3`, "stopped waiting")
		} else {
			d.HearText(`"id":4`, `"pending":true`)
		}
	}
	if err := d.end(t); err != nil || len(server.Calls()) != 0 || len(server.Answers()) != 0 {
		t.Errorf("%v; %d calls and %d answers reached the server", err, len(server.Calls()), len(server.Answers()))
	}
}

// TestTwoQuestionsAtOnce: each has its own answer, whoever is answered first; one
// user waits on and has his call approved, the other gives up.
func TestTwoQuestionsAtOnce(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), asks)
	server := mcptest.Serve(t, nil, mcptest.Echo)
	d := start(t, w, server, nil)
	d.Say(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"capabilities":{"elicitation":{}}}}`)
	d.HearText(`"id":"i"`)
	d.Say(echo(1, "one"))
	first := d.HearText("elicitation/create")
	d.Say(echo(2, "two"))
	second := d.HearText("elicitation/create")
	if string(first.ID) == string(second.ID) {
		t.Fatalf("two questions have the id %s", first.ID)
	}
	d.Say(`{"jsonrpc":"2.0","id":` + string(second.ID) + `,"result":{"action":"cancel"}}`)
	d.HearText(`"id":2`, "stopped waiting")
	d.Say(`{"jsonrpc":"2.0","id":` + string(first.ID) + `,"result":{"action":"accept"}}`)
	d.Say(`{"jsonrpc":"2.0","id":` + string(first.ID) + `,"result":{"action":"decline"}}`) // he answers once
	w.Approve(t, approveCommand.FindStringSubmatch(string(first.Raw))[1])
	d.HearText(`"id":1`, `"text":"one"`)
	if err := d.end(t); err != nil || len(server.Calls()) != 1 {
		t.Errorf("%v; %d calls reached the server", err, len(server.Calls()))
	}
}
