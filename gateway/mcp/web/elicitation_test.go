package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// asks permits an echo once somebody has approved it.
const asks = `@id("asked")
@approvals("1")
permit (principal in Group::"staff", action == Action::"fake-echo-text", resource == Server::"fake");
`

var approveCommand = regexp.MustCompile(`approvals approve ([0-9a-f]+)`)

func numbered(id int) string {
	return strings.Replace(echo("x"), `"id":1`, fmt.Sprintf(`"id":%d`, id), 1)
}

// question is the gateway's on a stream: its id, and the intent that waits.
func (s *stream) question() (id, intent string) {
	s.t.Helper()
	text := s.hear("elicitation/create")
	m, err := jsonrpc.Parse([]byte(text), 1<<20)
	must(s.t, err)
	return string(m.ID), approveCommand.FindStringSubmatch(text)[1]
}

func (g *gate) answer(question, action string) {
	g.t.Helper()
	g.post(`{"jsonrpc":"2.0","id":`+question+`,"result":{"action":"`+action+`"}}`, http.StatusAccepted)
}

// TestElicitationOverHTTP: two users are asked at once; who gives up has an end of
// his own, who waits on has the answer, and nobody approves by answering.
func TestElicitationOverHTTP(t *testing.T) {
	g := openWith(t, asks, `{"elicitation":{}}`, nil)
	waits, declines := g.listen(http.MethodPost, numbered(1)), g.listen(http.MethodPost, numbered(2))
	one, intent := waits.question()
	two, other := declines.question()
	if one == two || intent == other {
		t.Fatalf("question %s is about %s, and %s about %s", one, intent, two, other)
	}
	g.answer(two, "decline")
	declines.hear(`"id":2`, "stopped waiting")
	g.answer(one, "accept")
	if g.up.count() != 0 {
		t.Fatal("an answer was taken for an approval")
	}
	g.w.Approve(t, intent)
	waits.hear(`"id":1`, `"content":[ ]`)

	cancels := g.listen(http.MethodPost, numbered(3))
	three, _ := cancels.question()
	g.answer(three, "cancel")
	cancels.hear(`"id":3`, "stopped waiting")
	if n := g.up.count(); n != 1 {
		t.Errorf("%d calls reached the server", n)
	}
}

// TestAUserWhoNeverAnswers has the call wait until its deadline, and an approval
// needs no answer of his.
func TestAUserWhoNeverAnswers(t *testing.T) {
	g := openWith(t, asks, `{"elicitation":{}}`, nil)
	silent := g.listen(http.MethodPost, numbered(1))
	_, intent := silent.question()
	g.w.Approve(t, intent)
	silent.hear(`"id":1`, `"content":[ ]`)

	hasty := openWith(t, asks, `{"elicitation":{}}`, func(c *mcp.Config) { c.Timeout = 4 * time.Second })
	late := hasty.listen(http.MethodPost, numbered(2))
	late.question()
	late.hear(`"id":2`, `"pending":true`)
	if n := g.up.count() + hasty.up.count(); n != 1 {
		t.Errorf("%d calls reached the server", n)
	}
}

// TestInputRequiredOverHTTP: a client without a session is asked by the answer to its
// call; it is approved while nobody waits, and the retry has what came of it.
func TestInputRequiredOverHTTP(t *testing.T) {
	g := openWith(t, asks, `{}`, nil)
	alone := func(r *http.Request) { r.Header.Del("Mcp-Session-Id") }
	request := func(id int, more string) string {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
		return strings.Replace(numbered(id), `"params":{`, `"params":{`+meta+`,`+more, 1)
	}
	got := g.post(request(1, ""), 200, alone)
	g.demand(got, `"resultType":"input_required"`)
	state := regexp.MustCompile(`"requestState":"([A-Z0-9]+)"`).FindStringSubmatch(got)[1]
	g.w.Approve(t, approveCommand.FindStringSubmatch(got)[1])
	g.w.Outcomes(1)
	answer := `"requestState":"` + state + `","inputResponses":{"portcullis":{"action":"accept"}},`
	g.demand(g.post(request(2, answer), 200, alone), `{"jsonrpc":"2.0","id":2,"result":{"content":[ ]}}`)
	g.demand(g.post(request(3, answer), 200, alone), `-32602`)
	g.demand(g.post(request(4, strings.Replace(answer, state, "MADEUPMADEUPMADEUPMADEUP22", 1)), 200, alone), `-32602`)
	if n := g.up.count(); n != 1 {
		t.Errorf("%d calls reached the server", n)
	}
}
