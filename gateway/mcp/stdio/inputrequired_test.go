package stdio_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// modern is the _meta of a client that can be asked by an answer.
const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":%s}}`

func modernEcho(id int, capability, arguments, more string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo_text","arguments":%s,`+modern+`%s}}`, id, arguments, capability, more)
}

// asked is what an InputRequiredResult of the gateway holds.
type asked struct {
	intent, state string
}

var approveCommand = regexp.MustCompile(`approvals approve ([0-9a-f]+)`)

func (d *desk) hearAsked(t *testing.T, id int) asked {
	t.Helper()
	m := d.HearText(fmt.Sprintf(`"id":%d`, id), `"resultType":"input_required"`, `"method":"elicitation/create"`, `"requestedSchema"`)
	var result struct{ RequestState string }
	if err := json.Unmarshal(m.Result, &result); err != nil || result.RequestState == "" {
		t.Fatalf("%s has no state: %v", m.Raw, err)
	}
	return asked{intent: approveCommand.FindStringSubmatch(string(m.Raw))[1], state: result.RequestState}
}

func retry(id int, arguments, action string, a asked) string {
	return modernEcho(id, `{}`, arguments, fmt.Sprintf(`,"requestState":%q,"inputResponses":{"portcullis":{"action":%q}}`, a.state, action))
}

// TestInputRequired: a client of the newer protocol is asked by the answer to its
// call, and its retry has the end of the one intent.
func TestInputRequired(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), asks)
	server := mcptest.Serve(t, nil, mcptest.Echo)
	d := start(t, w, server, nil)
	const x = `{"text":"x"}`

	d.Say(modernEcho(1, `{}`, x, ""))
	first := d.hearAsked(t, 1)
	for name, line := range map[string]string{
		"other arguments":    retry(2, `{"text":"y"}`, "accept", first),
		"a made-up state":    retry(2, x, "accept", asked{state: "AAAA"}),
		"no state":           modernEcho(2, `{}`, x, `,"inputResponses":{"portcullis":{"action":"accept"}}`),
		"a state of no text": modernEcho(2, `{}`, x, `,"requestState":7`),
		"no responses":       modernEcho(2, `{}`, x, fmt.Sprintf(`,"requestState":%q,"inputResponses":[]`, first.state)),
	} {
		d.Say(line)
		if m := d.HearText(`"id":2`, `-32602`); m.Result != nil {
			t.Errorf("%s: %s", name, m.Raw)
		}
	}
	d.Say(retry(3, ` { "text" : "\u0078" } `, "maybe", first)) // no answer: asked again, and the old state is used up
	again := d.hearAsked(t, 3)
	if again.intent != first.intent || again.state == first.state {
		t.Errorf("asked %v, and then %v", first, again)
	}
	d.Say(retry(4, x, "accept", first))
	d.HearText(`"id":4`, `-32602`)
	d.Say(retry(5, x, "accept", again))
	w.Approve(t, again.intent)
	if got := d.Hear(); string(got.Raw) != `{"jsonrpc":"2.0","id":5,"result":{"content":[ {"type":"text","text":"x"} ]}}` {
		t.Errorf("the retry is answered with %s", got.Raw)
	}
	d.Say(retry(6, x, "accept", again))
	d.HearText(`"id":6`, `-32602`)
	if all := outcomes(t, w, 1); all[0].GetStatus() != pb.Status_STATUS_EXECUTED || len(server.Calls()) != 1 {
		t.Errorf("%v, and %d calls reached the server", all[0], len(server.Calls()))
	}
	if err := d.end(t); err != nil {
		t.Error(err)
	}
}

// TestInputDeclined: what the user gives up does not run, however late it is
// approved; what ran before he did is told.
func TestInputDeclined(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), asks)
	server := mcptest.Serve(t, nil, mcptest.Echo)
	d := start(t, w, server, nil)
	const x = `{"text":"x"}`
	for i, action := range []string{"decline", "cancel"} {
		d.Say(modernEcho(10+i, `{"form":{}}`, x, ""))
		a := d.hearAsked(t, 10+i)
		d.Say(retry(20+i, x, action, a))
		d.HearText(fmt.Sprintf(`"id":%d`, 20+i), "given up", `-32001`)
		w.Approve(t, a.intent)
	}
	for _, o := range outcomes(t, w, 2) {
		if o.GetStatus() == pb.Status_STATUS_EXECUTED {
			t.Errorf("outcome %v", o)
		}
	}
	if n := len(server.Calls()); n != 0 {
		t.Fatalf("%d calls reached the server", n)
	}

	d.Say(modernEcho(30, `{}`, x, ""))
	a := d.hearAsked(t, 30)
	w.Approve(t, a.intent)
	outcomes(t, w, 3)
	d.Say(retry(31, x, "decline", a))
	d.HearText(`"id":31`, `"result"`, `"text":"x"`)
	if n := len(server.Calls()); n != 1 {
		t.Errorf("%d calls reached the server", n)
	}
	if err := d.end(t); err != nil {
		t.Error(err)
	}
}

// TestNobodyIsAskedByAnAnswer who has not said that he can be: another version, or
// no form. He waits, and is told at the deadline.
func TestNobodyIsAskedByAnAnswer(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), asks)
	d := start(t, w, mcptest.Serve(t, nil, mcptest.Echo), func(c *mcp.Config) { c.Timeout = 3 * time.Second })
	d.Say(modernEcho(1, `{"url":{}}`, `{"text":"x"}`, ""))
	d.Say(modernEcho(2, `null`, `{"text":"x"}`, ""))
	d.Say(strings.Replace(modernEcho(3, `{}`, `{"text":"x"}`, ""), "2026-07-28", "2027-01-01", 1))
	for range 3 {
		d.HearText(`"pending":true`, `-32001`)
	}
	// Who is asked and never comes back, or comes back after the deadline, has its end.
	d.Say(modernEcho(4, `{}`, `{"text":"x"}`, ""))
	a := d.hearAsked(t, 4)
	d.Say(retry(5, `{"text":"x"}`, "accept", a))
	d.HearText(`"id":5`, `"pending":true`)
	d.Say(modernEcho(6, `{}`, `{"text":"x"}`, ""))
	d.hearAsked(t, 6)
	if err := d.end(t); err != nil || len(d.server.Calls()) != 0 {
		t.Errorf("%v; %d calls reached the server", err, len(d.server.Calls()))
	}
}
