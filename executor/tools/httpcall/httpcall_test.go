package httpcall_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
)

const token = 42

var (
	digest = strings.Repeat("0123456789abcdef", 4)
	local  = httpcall.Reach{AllowLoopback: true}
)

// answer is the tool's JSON as an outsider reads it.
type answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	Base64      bool   `json:"base64"`
}

// serve starts a server and returns its host:port.
func serve(t *testing.T, handler http.HandlerFunc) (host string) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// unreachable is a server that must not be reached.
func unreachable(t *testing.T) (host string) {
	t.Helper()
	return serve(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("reached: %s %s", r.Method, r.URL)
	})
}

func mustNew(t *testing.T, c httpcall.Config) *httpcall.Client {
	t.Helper()
	client, err := httpcall.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// allow makes a client with one rule for the tool "fetch".
func allow(t *testing.T, method, host, path string, query bool) *httpcall.Client {
	t.Helper()
	return mustNew(t, httpcall.Config{Rules: []httpcall.Rule{
		{Tool: "fetch", Method: method, Scheme: "http", Host: host, Path: path, Query: query, Reach: local},
	}})
}

func call(ctx context.Context, t *testing.T, c *httpcall.Client, url string, more ...string) (answer, error) {
	t.Helper()
	members := map[string]string{"url": url}
	for i := 0; i < len(more); i += 2 {
		members[more[i]] = more[i+1]
	}
	arguments, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Call(ctx, "fetch", url, arguments, token, digest)
	return understand(t, out, err)
}

func understand(t *testing.T, out []byte, err error) (answer, error) {
	t.Helper()
	if err != nil {
		if out != nil {
			t.Errorf("an error came with a result: %s", out)
		}
		return answer{}, err
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return a, nil
}

func wantRefused(t *testing.T, err error, word string) {
	t.Helper()
	if !errors.Is(err, httpcall.ErrRefused) || !strings.Contains(err.Error(), word) {
		t.Errorf("got %v, want a refusal that says %q", err, word)
	}
	if errors.Is(err, httpcall.ErrUncertain) {
		t.Errorf("refused and uncertain: %v", err)
	}
}

func TestGet(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		want := map[string]string{httpcall.FencingHeader: "42", httpcall.IntentHeader: digest, "Connection": "close"}
		for name := range r.Header {
			if r.Header.Get(name) != want[name] || len(r.Header[name]) != 1 {
				t.Errorf("header %s: %q", name, r.Header[name])
			}
		}
		if len(r.Header) < 2 || r.Method != http.MethodGet || r.RequestURI != "/api/a%20b?x=%26&y=1" {
			t.Errorf("got %s %s %v", r.Method, r.RequestURI, r.Header)
		}
		w.Header().Set("Content-Type", "text/plain")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		_, _ = w.Write([]byte("grüß <Gott>"))
	})
	client := allow(t, http.MethodGet, host, "/api", true)
	for range 2 { // no cookie comes back the second time
		got, err := call(t.Context(), t, client, "HTTP://"+host+"/api/a%20b?x=%26&y=1#fragment")
		if want := (answer{Status: 200, ContentType: "text/plain", Body: "grüß <Gott>"}); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestBodies(t *testing.T) {
	var body, kind string
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, kind = receive(t, r), r.Header.Get("Content-Type")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte{0xff, 0x00})
	})
	client := allow(t, http.MethodPost, host, "/", false)
	url := "http://" + host + "/"
	for _, tt := range []struct {
		more       []string
		body, kind string
	}{
		{nil, "", ""},
		{[]string{"body", ""}, "", "text/plain; charset=utf-8"},
		{[]string{"body", "hello"}, "hello", "text/plain; charset=utf-8"},
		{[]string{"body", "{}", "content_type", "application/json"}, "{}", "application/json"},
	} {
		got, err := call(t.Context(), t, client, url, tt.more...)
		if err != nil || got.Status != 201 || got.Body != "/wA=" || !got.Base64 {
			t.Errorf("%v: got %+v, %v", tt.more, got, err)
		}
		if body != tt.body || kind != tt.kind {
			t.Errorf("%v: the server got %q as %q", tt.more, body, kind)
		}
	}
}

// receive reads a request's body.
func receive(t *testing.T, r *http.Request) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestHeaderInjection(t *testing.T) {
	host := unreachable(t)
	client := allow(t, http.MethodPost, host, "/", true)
	for _, kind := range []string{
		"text/plain\r\nX-Admin: 1", "text/plain\nX: 1", "text/plain\x00", "", "text", "text/plain; a=b; a=c", "text/plänn", " ", "text/" + strings.Repeat("x", 256), ";", "text/plain\t",
	} {
		_, err := call(t.Context(), t, client, "http://"+host+"/", "body", "x", "content_type", kind)
		wantRefused(t, err, "content_type")
	}
	for _, url := range []string{"/\r\nX-Admin: 1", "/%0d%0aX:1", "/%0D%0AX:1", "/?a=%0D%0AX:1", "/ HTTP/1.1", "/?a b", "/\x00", "/%00"} {
		_, err := call(t.Context(), t, client, "http://"+host+url)
		wantRefused(t, err, "not admissible")
	}
	for _, bad := range []string{"", "x", digest + "\r\nX: 1", strings.ToUpper(digest), digest[1:] + "\n"} {
		_, err := client.Call(t.Context(), "fetch", "http://"+host+"/", []byte(`{"url":"http://`+host+`/"}`), token, bad)
		wantRefused(t, err, "intent digest")
	}
	_, err := client.Call(t.Context(), "fetch", "http://"+host+"/", []byte(`{"url":"http://`+host+`/"}`), 0, digest)
	wantRefused(t, err, "fencing token")
}

func TestArgumentsAreStrict(t *testing.T) {
	host := unreachable(t)
	client := allow(t, http.MethodGet, host, "/", true)
	url := "http://" + host + "/"
	for _, raw := range []string{
		``, `null`, `[]`, `{`, `{}`, `{"url":null}`, `{"url":1}`, `{"URL":"` + url + `"}`, `{"url":"` + url + `"}{}`,
		`{"url":"` + url + `","url":"` + url + `"}`, `{"url":"` + url + `","u\u0072l":"x"}`, `{"url":"` + url + `","method":"POST"}`,
		`{"url":"` + url + `","headers":{}}`, `{"url":"` + url + `x"}`, `{"url":"` + url + `#"}`, "{\"url\":\"" + url + "\xff\"}",
		`{"url":"` + url + `","body":"x"}`, `{"url":"` + url + `","content_type":"text/plain"}`, strings.Repeat(" ", 64<<10+1),
	} {
		if _, err := client.Call(t.Context(), "fetch", url, []byte(raw), token, digest); !errors.Is(err, httpcall.ErrRefused) {
			t.Errorf("%.80s: %v", raw, err)
		}
	}
}

func TestUnknownToolsAndZeroClientsRefuse(t *testing.T) {
	host := unreachable(t)
	url := "http://" + host + "/"
	var none *httpcall.Client
	for name, client := range map[string]*httpcall.Client{
		"nil": none, "zero": {}, "empty": mustNew(t, httpcall.Config{}),
		"other": mustNew(t, httpcall.Config{Rules: []httpcall.Rule{{Tool: "Fetch", Method: "GET", Scheme: "http", Host: host, Path: "/", Reach: local}}}),
	} {
		if _, err := call(t.Context(), t, client, url); !errors.Is(err, httpcall.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	const sent = ` {"from":"alice", "amount":9007199254740993, "to":"bob"} `
	hits := 0
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hits++
		if got := receive(t, r); got != sent {
			t.Errorf("got %q", got)
		}
		if r.Header.Get("Content-Type") != "application/json" || r.Header.Get(httpcall.FencingHeader) != "42" || r.RequestURI != "/transfers?v=1" {
			t.Errorf("got %s %v", r.RequestURI, r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"done":true}`))
	})
	url := "http://" + host + "/transfers?v=1"
	client := mustNew(t, httpcall.Config{Endpoints: map[string]httpcall.Endpoint{
		"transfer": {URL: url, ResourceArgument: "from", Reach: local},
		"plain":    {URL: url, Reach: local},
	}})
	for tool, resource := range map[string]string{"transfer": "alice", "plain": url} {
		out, err := client.Call(t.Context(), tool, resource, []byte(sent), token, digest)
		got, err := understand(t, out, err)
		if want := (answer{Status: 200, ContentType: "application/json", Body: `{"done":true}`}); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", tool, got, err)
		}
	}
	for _, tt := range []struct{ tool, resource, arguments, word string }{
		{"transfer", "bob", sent, "make them equal"},
		{"transfer", url, sent, "make them equal"},
		{"transfer", "", `{"from":""}`, "no resource"},
		{"transfer", "alice", `{"amount":1}`, "missing or no string"},
		{"transfer", "alice", `{"from":null}`, "missing or no string"},
		{"transfer", "1", `{"from":1}`, "missing or no string"},
		{"transfer", "alice", `{"from":"alice","from":"carol"}`, "not a JSON object"},
		{"transfer", "alice", `{"from":"alice","x":{"a":1,"a":2}}`, "not a JSON object"},
		{"transfer", "alice", `[{"from":"alice"}]`, "not a JSON object"},
		{"transfer", "alice", `null`, "not a JSON object"},
		{"transfer", "alice", `{"from":"alice"} x`, "not a JSON object"},
		{"transfer", "alice", ``, "not a JSON object"},
		{"plain", "http://" + host + "/transfers", sent, "make them equal"},
		{"plain", "", sent, "no resource"},
	} {
		_, err := client.Call(t.Context(), tt.tool, tt.resource, []byte(tt.arguments), token, digest)
		wantRefused(t, err, tt.word)
	}
	if hits != 2 {
		t.Errorf("%d requests, want 2", hits)
	}
}

func TestConfigIsStrict(t *testing.T) {
	rule := func(change func(*httpcall.Rule)) httpcall.Config {
		r := httpcall.Rule{Tool: "fetch", Method: "GET", Scheme: "https", Host: "api.example:443", Path: "/v1"}
		change(&r)
		return httpcall.Config{Rules: []httpcall.Rule{r}}
	}
	endpoint := func(name string, e httpcall.Endpoint) httpcall.Config {
		return httpcall.Config{Endpoints: map[string]httpcall.Endpoint{name: e}}
	}
	good := []httpcall.Config{
		rule(func(*httpcall.Rule) {}),
		rule(func(r *httpcall.Rule) { r.Path = "/" }),
		rule(func(r *httpcall.Rule) { r.Host = "[2001:db8::1]:8443" }),
		rule(func(r *httpcall.Rule) { r.Host = "xn--bcher-kva.example:443" }),
		endpoint("t", httpcall.Endpoint{URL: "https://api.example/x?y=z"}),
		{MaxResponse: httpcall.MaxResponse},
	}
	for i, c := range good {
		if _, err := httpcall.New(c); err != nil {
			t.Errorf("good %d: %v", i, err)
		}
	}
	bad := []httpcall.Config{
		rule(func(r *httpcall.Rule) { r.Tool = "" }),
		rule(func(r *httpcall.Rule) { r.Method = "" }),
		rule(func(r *httpcall.Rule) { r.Method = "get" }),
		rule(func(r *httpcall.Rule) { r.Method = "CONNECT" }),
		rule(func(r *httpcall.Rule) { r.Scheme = "" }),
		rule(func(r *httpcall.Rule) { r.Scheme = "HTTPS" }),
		rule(func(r *httpcall.Rule) { r.Scheme = "ftp" }),
		rule(func(r *httpcall.Rule) { r.Host = "" }),
		rule(func(r *httpcall.Rule) { r.Host = "api.example" }),
		rule(func(r *httpcall.Rule) { r.Host = "API.example:443" }),
		rule(func(r *httpcall.Rule) { r.Host = "*.example:443" }),
		rule(func(r *httpcall.Rule) { r.Host = "api.example.:443" }),
		rule(func(r *httpcall.Rule) { r.Host = "me@api.example:443" }),
		rule(func(r *httpcall.Rule) { r.Host = "127.1:443" }),
		rule(func(r *httpcall.Rule) { r.Host = "api.example:443/x" }),
		rule(func(r *httpcall.Rule) { r.Path = "" }),
		rule(func(r *httpcall.Rule) { r.Path = "v1" }),
		rule(func(r *httpcall.Rule) { r.Path = "/v1/" }),
		rule(func(r *httpcall.Rule) { r.Path = "/v1/../v2" }),
		rule(func(r *httpcall.Rule) { r.Path = "/v1?x" }),
		rule(func(r *httpcall.Rule) { r.Path = "/v1#x" }),
		rule(func(r *httpcall.Rule) { r.Path = "/*" + "\x00" }),
		{Rules: []httpcall.Rule{
			{Tool: "fetch", Method: "GET", Scheme: "https", Host: "api.example:443", Path: "/v1"},
			{Tool: "fetch", Method: "DELETE", Scheme: "https", Host: "api.example:443", Path: "/v2"},
		}},
		{
			Rules:     []httpcall.Rule{{Tool: "t", Method: "POST", Scheme: "https", Host: "api.example:443", Path: "/"}},
			Endpoints: map[string]httpcall.Endpoint{"t": {URL: "https://api.example/"}},
		},
		endpoint("", httpcall.Endpoint{URL: "https://api.example/"}),
		endpoint("t", httpcall.Endpoint{}),
		endpoint("t", httpcall.Endpoint{URL: "https://me@api.example/"}),
		endpoint("t", httpcall.Endpoint{URL: "https://api.example/", Method: "GET"}),
		{MaxResponse: -1},
		{MaxResponse: httpcall.MaxResponse + 1},
	}
	for i, c := range bad {
		if _, err := httpcall.New(c); err == nil {
			t.Errorf("bad %d was accepted: %+v", i, c)
		}
	}
}
