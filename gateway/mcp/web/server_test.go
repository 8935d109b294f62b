package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
	"github.com/portcullis-dev/portcullis/gateway/mcp/web"
)

const policy = `@id("echo")
permit (principal in Group::"staff", action == Action::"fake-echo-text", resource == Server::"fake")
unless { context.arguments.text like "*secret*" };
`

// upstream is a server over HTTP with one session, "s1".
type upstream struct {
	mu    sync.Mutex
	tool  string
	calls []string
	held  chan struct{} // closed to let calls of "hold" and streams of GET go on
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.calls)
}

func (u *upstream) change(tool string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tool = tool
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m, _ := jsonrpc.Parse(body, 1<<20)
	answer := func(result string) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
	}
	switch {
	case r.Method == http.MethodGet:
		u.late(w)
	case r.Header.Get("Origin") != "":
		w.WriteHeader(http.StatusForbidden)
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", "s1")
		answer(`{}`)
	case m.Method == "tools/list":
		u.mu.Lock()
		defer u.mu.Unlock()
		answer(`{"tools":[` + u.tool + `]}`)
	case m.Method == "tools/call":
		u.mu.Lock()
		u.calls = append(u.calls, string(m.Raw))
		u.mu.Unlock()
		u.call(w, m, answer)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// late is a stream that has the answer to call 1 when it is there.
func (u *upstream) late(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	<-u.held
	_, _ = io.WriteString(w, "id: 2\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"late\":true}}\n\n")
}

func (u *upstream) call(w http.ResponseWriter, m jsonrpc.Message, answer func(string)) {
	has := func(word string) bool { return strings.Contains(string(m.Params), `"`+word+`"`) }
	switch {
	case has("gone"):
		w.WriteHeader(http.StatusNotFound)
	case has("broken"):
		w.WriteHeader(http.StatusInternalServerError)
	case has("redirect"):
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case has("crash"):
		panic(http.ErrAbortHandler)
	case has("another"):
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":"another","result":{}}`)
	case has("stream"):
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\nid: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[]}}\n\n", m.ID)
	case has("hold"):
		<-u.held
		answer(`{"held":true}`)
	case has("late"):
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "id: 1\ndata:\n\n")
	case has("short stream"):
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ": nothing\n\n")
	default:
		answer(`{"content":[ ]}`)
	}
}

// gate is a gateway before an upstream.
type gate struct {
	t   *testing.T
	up  *upstream
	url string
	w   *mcptest.World
}

func open(t *testing.T) *gate {
	t.Helper()
	return openWith(t, policy, `{}`, nil)
}

func openWith(t *testing.T, policy, capabilities string, adjust func(*mcp.Config)) *gate {
	t.Helper()
	g := &gate{t: t, up: &upstream{tool: mcptest.Echo, held: make(chan struct{})}, w: mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), policy)}
	up := httptest.NewServer(g.up)
	t.Cleanup(up.Close)
	endpoint, err := web.New(web.Config{Gateway: g.w.Gateway(adjust), Upstream: up.URL + "/mcp", Logger: slog.New(slog.DiscardHandler), Origins: []string{"https://console.example"}})
	must(t, err)
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	t.Cleanup(endpoint.Close)
	g.url = server.URL + "/mcp"
	g.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":`+capabilities+`}}`, http.StatusOK)
	return g
}

// post sends a body and returns the answer, whose status must be the given one.
func (g *gate) post(body string, status int, adjust ...func(*http.Request)) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), mcptest.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(body))
	must(g.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Mcp-Session-Id", "s1")
	for _, a := range adjust {
		a(r)
	}
	resp, err := http.DefaultClient.Do(r)
	must(g.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(g.t, err)
	if resp.StatusCode != status {
		g.t.Errorf("%.100s: status %d, want %d: %s", body, resp.StatusCode, status, text)
	}
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func echo(text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo_text","arguments":{"text":%q}}}`, text)
}

func (g *gate) demand(got string, words ...string) {
	g.t.Helper()
	for _, w := range words {
		if !strings.Contains(got, w) {
			g.t.Errorf("%s lacks %q", got, w)
		}
	}
}

// TestCallsOverHTTP: what is permitted is forwarded once; what is not, never; and
// what the server's failure means is told honestly.
func TestCallsOverHTTP(t *testing.T) {
	g := open(t)
	for i, c := range []struct {
		text   string
		status int
		words  []string
	}{
		{"x", 200, []string{`{"jsonrpc":"2.0","id":1,"result":{"content":[ ]}}`}},
		{"stream", 200, []string{"notifications/progress", "id: 7\n", `"result":{"content":[]}`}},
		{"gone", 404, []string{`FAILED`, `-32001`}},
		{"broken", 200, []string{`INDETERMINATE`}},
		{"redirect", 200, []string{`INDETERMINATE`}},
		{"crash", 200, []string{`INDETERMINATE`}},
		{"another", 200, []string{`INDETERMINATE`}},
		{"short stream", 200, []string{`INDETERMINATE`}},
	} {
		g.demand(g.post(echo(c.text), c.status), c.words...)
		if n := g.up.count(); n != i+1 {
			t.Errorf("%s: %d calls have reached the server, want %d", c.text, n, i+1)
		}
	}
	n := g.up.count()
	g.demand(g.post(echo("a secret"), 200), `policy.default_deny`, `-32001`, `"decided_at"`)
	g.up.change(strings.Replace(mcptest.Echo, "Answers", "Obey", 1))
	g.demand(g.post(`{"jsonrpc":"2.0","id":5,"method":"tools/list"}`, 200), `"tools":[]`)
	g.demand(g.post(echo("x"), 200), `tool.definition`)
	if g.up.count() != n {
		t.Errorf("%d calls that were denied reached the server", g.up.count()-n)
	}
}

// TestWhatIsRefusedBeforeItIsRead, or right after: it reaches nobody.
func TestWhatIsRefusedBeforeItIsRead(t *testing.T) {
	g := open(t)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		name, body string
		status     int
		adjust     func(*http.Request)
	}{
		{"a foreign Host", echo("x"), 403, func(r *http.Request) { r.Host = "rebound.example" }},
		{"a Host that only begins like ours", echo("x"), 403, func(r *http.Request) { r.Host = "localhost.example:80" }},
		{"a foreign Origin", echo("x"), 403, header("Origin", "http://evil.example")},
		{"no Origin that is one", echo("x"), 403, header("Origin", "null")},
		{"an Origin that only begins like ours", echo("x"), 403, header("Origin", "http://localhost.evil.example")},
		{"another path", echo("x"), 404, func(r *http.Request) { r.URL.Path = "/other" }},
		{"another method", echo("x"), 405, func(r *http.Request) { r.Method = http.MethodPut }},
		{"a form", echo("x"), 415, header("Content-Type", "text/plain")},
		{"packed", echo("x"), 415, header("Content-Encoding", "gzip")},
		{"a session of nobody", echo("x"), 404, header("Mcp-Session-Id", "s2")},
		{"a batch", "[" + echo("x") + "]", 400, func(*http.Request) {}},
		{"a name twice", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, 400, func(*http.Request) {}},
		{"no id", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo_text"}}`, 400, func(*http.Request) {}},
		{"too large", strings.Repeat(" ", 17<<20), 413, func(*http.Request) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := *g
			g.t = t
			g.demand(g.post(c.body, c.status, c.adjust), `"error"`)
		})
	}
	g.demand(g.post(echo("x"), 200, header("Origin", "http://localhost:3000")), `"result"`)
	g.demand(g.post(echo("x"), 200, header("Origin", "https://console.example")), `"result"`)
	if n := g.up.count(); n != 2 {
		t.Errorf("%d calls reached the server, want the last two", n)
	}
}

// TestASessionEnds: after DELETE the gateway knows it no more.
func TestASessionEnds(t *testing.T) {
	g := open(t)
	g.post("", http.StatusAccepted, func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodDelete, nil, 0 })
	g.demand(g.post(echo("x"), http.StatusNotFound), "initialize anew")
}

// TestSharedSession: clients of a server without sessions do not disturb each other.
func TestSharedSession(t *testing.T) {
	g := open(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			g.demand(g.post(echo("x"), 200, func(r *http.Request) { r.Header.Del("Mcp-Session-Id") }), `"result"`)
		})
	}
	all.Wait()
	if n := g.up.count(); n != 4 {
		t.Errorf("%d calls reached the server", n)
	}
}

// TestNoServer: what cannot be listed is not proposed.
func TestNoServer(t *testing.T) {
	w := mcptest.New(t, mcptest.Definitions(t, mcptest.Echo), policy)
	gone := httptest.NewServer(http.NotFoundHandler())
	endpoint, err := web.New(web.Config{Gateway: w.Gateway(func(c *mcp.Config) { c.Refusals = mcp.RefuseWithResult }), Upstream: gone.URL, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer endpoint.Close()
	gone.Close()
	server := httptest.NewServer(endpoint)
	defer server.Close()
	g := &gate{t: t, url: server.URL + "/"}
	g.demand(g.post(echo("x"), 200, func(r *http.Request) { r.Header.Del("Mcp-Session-Id") }), `"isError":true`, "nothing was proposed")
}
