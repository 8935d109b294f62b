package authzen_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

const (
	rick  = `"subject":{"type":"agent","id":"rick"}`
	reads = `"action":{"name":"can_read_todos"}`
	one   = `"resource":{"type":"todo","id":"1"}`
	right = `{` + rick + `,` + reads + `,` + one + `}`
)

// TestMalformed: what does not say what the specification demands is no question, and
// what a member is that nobody knows does not matter.
func TestMalformed(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	answered(t, h, evaluation, right, `{"decision":true}`)
	for name, tt := range map[string]struct{ old, new, says string }{
		"nothing":                   {right, ``, "no JSON"},
		"no JSON":                   {right, `{"subject":`, "no JSON"},
		"two values":                {right, right + right, "no JSON"},
		"an array":                  {right, `[]`, "a JSON object is wanted"},
		"null":                      {right, `null`, "a JSON object is wanted"},
		"no subject":                {`"subject"`, `"Subject"`, "subject is missing"},
		"no action":                 {`"action"`, `"act"`, "action is missing"},
		"no resource":               {`"resource"`, `"res"`, "resource is missing"},
		"a subject that is text":    {`{"type":"agent","id":"rick"}`, `"rick"`, "subject: a JSON object is wanted"},
		"a subject without a type":  {`"type":"agent",`, ``, "subject.type is missing"},
		"a subject without an id":   {`,"id":"rick"`, ``, "subject.id is missing"},
		"an id that is a number":    {`"rick"`, `7`, "subject.id must be a string"},
		"an id that is empty":       {`"rick"`, `""`, "subject.id must be a string that is not empty"},
		"an action without a name":  {`"name"`, `"Name"`, "action.name is missing"},
		"a resource without an id":  {`,"id":"1"`, ``, "resource.id is missing"},
		"a resource without a type": {`"type":"todo",`, ``, "resource.type is missing"},
		"properties that are none":  {`"id":"1"`, `"id":"1","properties":[]`, "resource.properties: a JSON object is wanted"},
		"a context that is none":    {`{"subject"`, `{"context":"now","subject"`, "context: a JSON object is wanted"},
		"a context of null":         {`{"subject"`, `{"context":null,"subject"`, "context: a JSON object is wanted"},
		"a name twice":              {`"id":"rick"`, `"id":"beth","id":"rick"`, "stands twice"},
		"a subject twice":           {`{"subject"`, `{"subject":{"type":"agent","id":"beth"},"subject"`, "stands twice"},
		"bytes that are no text":    {`rick`, "ri\xffck", "UTF-8"},
		"too deep":                  {`{"subject"`, `{"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `,"subject"`, "nests deeper"},
	} {
		body := strings.Replace(right, tt.old, tt.new, 1)
		if body == right {
			t.Fatalf("%s: the test changes nothing", name)
		}
		for _, path := range []string{evaluation, evaluations} {
			w := post(t, h, path, body, nil)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "decision") {
				t.Errorf("%s: %s: %d %s", path, name, w.Code, w.Body)
			}
		}
	}
	for _, old := range []string{rick, reads, one} {
		answered(t, h, evaluation, strings.Replace(right, old, `"more":[{"any":null}],`+strings.Replace(old, `{`, `{"more":{},`, 1), 1), `{"decision":true}`)
	}
}

// TestDenied: whatever the release does not know is denied, and why is said when asked.
func TestDenied(t *testing.T) {
	_, cfg := todo(t)
	silent := serve(t, cfg)
	cfg.Reasons = true
	h := serve(t, cfg)
	const updates = `{` + rick + `,"action":{"name":"can_update_todo"},"resource":{"type":"todo","id":"1","properties":{"ownerID":"x"}}}`
	for name, tt := range map[string]struct{ of, old, new, why string }{
		"a stranger":                      {right, `"rick"`, `"rock"`, "agent.unknown"},
		"nobody of that type":             {right, `"agent"`, `"robot"`, "agent.unknown"},
		"a user by the name of an agent":  {right, `"agent"`, `"user"`, "agent.unknown"},
		"what the directory does not say": {right, `"id":"rick"`, `"id":"rick","properties":{"email":"root@localhost"}`, "agent.unknown"},
		"what the directory knows not of": {right, `"id":"rick"`, `"id":"rick","properties":{"level":9}`, "agent.unknown"},
		"an action that nobody has":       {right, `can_read_todos`, `can_do_anything`, "tool.unknown"},
		"a tool by its name":              {right, `can_read_todos`, `can-read-todos`, "tool.unknown"},
		"a resource of another type":      {right, `"todo"`, `"user"`, "arguments.invalid"},
		"a resource of no type":           {right, `"todo"`, `"toaster"`, "arguments.invalid"},
		"an id beyond the schema":         {right, `"1"`, `"` + strings.Repeat("1", 3000) + `"`, "intent.invalid"},
		"a property that is not declared": {right, `"id":"1"`, `"id":"1","properties":{"x":1}`, "arguments.invalid"},
		"a context that is not declared":  {right, `{"subject"`, `{"context":{"time":"now"},"subject"`, "arguments.invalid"},
		"a property too few":              {updates, `"ownerID":"x"`, ``, "arguments.invalid"},
		"a property of another type":      {updates, `"x"`, `7`, "arguments.invalid"},
		"a property twice":                {updates, `"name":`, `"properties":{"ownerID":"x"},"name":`, "arguments.invalid"},
		"nobody permits it":               {updates, `"rick"`, `"beth"`, "policy.default_deny"},
	} {
		body := strings.Replace(tt.of, tt.old, tt.new, 1)
		if body == tt.of {
			t.Fatalf("%s: the test changes nothing", name)
		}
		answered(t, silent, evaluation, body, `{"decision":false}`)
		var got struct {
			Decision bool
			Context  struct {
				Reasons     []string
				ReasonAdmin map[string]string `json:"reason_admin"`
				At, Release string
			}
		}
		w := post(t, h, evaluation, body, nil)
		must(t, json.Unmarshal(w.Body.Bytes(), &got))
		if c := got.Context; got.Decision || fmt.Sprint(c.Reasons) != "["+tt.why+"]" || c.At == "" || len(c.Release) != 64 {
			t.Errorf("%s: %s, want %s", name, w.Body, tt.why)
		}
	}
	answered(t, silent, evaluation, strings.Replace(right, `"id":"rick"`, `"id":"rick","properties":{"email":"rick@the-citadel.com"}`, 1), `{"decision":true}`)
	answered(t, silent, evaluation, updates, `{"decision":true}`)
}

// TestUnable: whoever cannot tell what holds now gives no decision, whatever is asked.
func TestUnable(t *testing.T) {
	s, cfg := todo(t)
	h := serve(t, cfg)
	s.err = fmt.Errorf("%w: the secret reason", pdp.ErrUnable)
	for path, body := range map[string]string{
		evaluation: right, evaluations: right, subjects: right, resources: right, actions: right,
	} {
		w := post(t, h, path, body, nil)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.ContainsAny(w.Body.String(), `{"`) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.err = errors.New("a mistake of ours")
	if w := post(t, h, evaluation, right, nil); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "mistake") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestTransport: statuses of HTTP, and the request's identifier in every answer.
func TestTransport(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	for name, tt := range map[string]struct {
		method, path, kind, body string
		status                   int
	}{
		"an evaluation":      {"POST", evaluation, "application/json; charset=utf-8", right, 200},
		"a form":             {"POST", evaluation, "application/x-www-form-urlencoded", right, 415},
		"of no type":         {"POST", evaluation, "", right, 415},
		"by GET":             {"GET", evaluation, "", "", 405},
		"by PUT":             {"PUT", actions, "application/json", right, 405},
		"nowhere":            {"POST", "/access/v1/all", "application/json", right, 404},
		"a lot":              {"POST", evaluations, "application/json", `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"malformed":          {"POST", subjects, "application/json", `{`, 400},
		"metadata":           {"GET", metadata, "", "", 200},
		"metadata by POST":   {"POST", metadata, "application/json", right, 405},
		"metadata, headless": {"HEAD", metadata, "", "", 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, "http://localhost"+tt.path, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.kind)
		r.Header.Set("X-Request-ID", "bfe9eb29")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || w.Header().Get("X-Request-ID") != "bfe9eb29" {
			t.Errorf("%s: %d, id %q: %s", name, w.Code, w.Header().Get("X-Request-ID"), w.Body)
		}
	}
	if w := post(t, h, evaluation, right, nil); w.Header().Values("X-Request-ID") != nil || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestMetadata(t *testing.T) {
	_, cfg := todo(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+metadata, nil)
	r.Header.Set("X-Forwarded-Host", "evil.example")
	serve(t, cfg).ServeHTTP(w, r)
	const want = `{"access_evaluation_endpoint":"https://pdp.example.com/access/v1/evaluation","access_evaluations_endpoint":"https://pdp.example.com/access/v1/evaluations",` +
		`"policy_decision_point":"https://pdp.example.com","search_action_endpoint":"https://pdp.example.com/access/v1/search/action",` +
		`"search_resource_endpoint":"https://pdp.example.com/access/v1/search/resource","search_subject_endpoint":"https://pdp.example.com/access/v1/search/subject"}`
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %s", w.Body)
	}
}

// TestAccess: who may not ask learns nothing.
func TestAccess(t *testing.T) {
	_, cfg := todo(t)
	const token = "0123456789abcdef"
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	verified := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{}}}
	}
	for name, tt := range map[string]struct {
		access authzen.Access
		change func(*http.Request)
		status int
	}{
		"on this machine":             {authzen.Access{}, host("localhost:4296"), 200},
		"by IPv6":                     {authzen.Access{}, host("[::1]:4296"), 200},
		"from a page of this machine": {authzen.Access{}, set("Origin", "http://localhost:3000"), 200},
		"by a name that was bent":     {authzen.Access{}, host("evil.example"), 403},
		"from a page elsewhere":       {authzen.Access{}, set("Origin", "https://evil.example"), 403},
		"from two pages":              {authzen.Access{}, set("Origin", "http://localhost", "https://evil.example"), 403},
		"the token":                   {authzen.Access{Token: token}, set("Authorization", "Bearer "+token), 200},
		"the token, in any case":      {authzen.Access{Token: token}, set("Authorization", "bearer "+token), 200},
		"the token, by another name":  {authzen.Access{Token: token}, func(r *http.Request) { r.Host = "pdp.example.com"; r.Header.Set("Authorization", "Bearer "+token) }, 200},
		"no token":                    {authzen.Access{Token: token}, nil, 401},
		"another token":               {authzen.Access{Token: token}, set("Authorization", "Bearer "+token+"0"), 401},
		"the beginning of it":         {authzen.Access{Token: token}, set("Authorization", "Bearer "+token[:15]), 401},
		"nothing":                     {authzen.Access{Token: token}, set("Authorization", "Bearer "), 401},
		"another scheme":              {authzen.Access{Token: token}, set("Authorization", "Basic "+token), 401},
		"two of them":                 {authzen.Access{Token: token}, set("Authorization", "Bearer "+token, "Bearer "+token), 401},
		"a certificate":               {authzen.Access{Certificate: true}, verified, 200},
		"no TLS":                      {authzen.Access{Certificate: true}, nil, 401},
		"no certificate":              {authzen.Access{Certificate: true}, func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, 401},
		"a certificate and no token":  {authzen.Access{Certificate: true, Token: token}, verified, 401},
		"a token and no certificate":  {authzen.Access{Certificate: true, Token: token}, set("Authorization", "Bearer "+token), 401},
	} {
		cfg.Access = tt.access
		w := post(t, serve(t, cfg), evaluation, right, tt.change)
		if w.Code != tt.status || (w.Code != 200) == strings.Contains(w.Body.String(), "decision\"") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: headers %v", name, w.Header())
		}
	}
}

// TestConfig: a server that is told too little, or nonsense, does not come to be.
func TestConfig(t *testing.T) {
	_, whole := todo(t)
	for name, change := range map[string]func(*authzen.Config){
		"nobody to ask":              func(c *authzen.Config) { c.Asker = nil },
		"no URL":                     func(c *authzen.Config) { c.URL = "" },
		"no logger":                  func(c *authzen.Config) { c.Logger = nil },
		"a URL with a path":          func(c *authzen.Config) { c.URL += "/pdp" },
		"a URL with a query":         func(c *authzen.Config) { c.URL += "?a=b" },
		"a URL of another kind":      func(c *authzen.Config) { c.URL = "ftp://pdp.example.com" },
		"a token too short":          func(c *authzen.Config) { c.Access.Token = "0123456789" },
		"a token with a space":       func(c *authzen.Config) { c.Access.Token = "0123456789 abcdef0" },
		"another meaning of agent":   func(c *authzen.Config) { c.Mapping.Subjects = map[string]string{"agent": "pid"} },
		"a subject by nothing":       func(c *authzen.Config) { c.Mapping.Subjects = map[string]string{"user": ""} },
		"a recorder for nobody":      func(c *authzen.Config) { c.Recorder = &notary{} },
		"an agent without recorder":  func(c *authzen.Config) { c.As = "rick" },
		"a resource that is nothing": func(c *authzen.Config) { c.Mapping.Resources = map[string]string{"": "Todo"} },
	} {
		cfg := whole
		change(&cfg)
		if _, err := authzen.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
