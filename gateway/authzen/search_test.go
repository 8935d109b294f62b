package authzen_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/gateway/authzen"
)

func TestSearch(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	agent := func(names ...string) string {
		for i, n := range names {
			names[i] = `{"type":"agent","id":"` + n + `"}`
		}
		return `{"results":[` + strings.Join(names, ",") + `]}`
	}
	const creates = `"action":{"name":"can_create_todo"},`
	answered(t, h, subjects, `{"subject":{"type":"agent"},`+creates+one+`}`, agent("morty", "rick", "summer"))
	answered(t, h, subjects, `{"subject":{"type":"agent","id":"beth"},`+creates+one+`}`, agent("morty", "rick", "summer"))
	answered(t, h, subjects, `{"subject":{"type":"user"},"action":{"name":"can_delete_todo"},"resource":{"type":"todo","id":"1","properties":{"ownerID":"summer@the-smiths.com"}}}`,
		`{"results":[{"type":"user","id":"`+pids["rick"]+`"},{"type":"user","id":"`+pids["summer"]+`"}]}`)
	answered(t, h, subjects, `{"subject":{"type":"agent","properties":{"email":"morty@the-citadel.com"}},`+creates+one+`}`, agent("morty"))
	answered(t, h, subjects, `{"subject":{"type":"robot"},`+creates+one+`}`, agent())
	answered(t, h, subjects, `{"subject":{"type":"agent"},"action":{"name":"steal"},`+one+`}`, agent())

	answered(t, h, actions, `{`+rick+`,`+one+`}`, `{"results":[{"name":"can_create_todo"},{"name":"can_read_todos"}]}`)
	answered(t, h, actions, `{`+rick+`,"resource":{"type":"todo","id":"1","properties":{"ownerID":"x"}}}`, `{"results":[{"name":"can_delete_todo"},{"name":"can_update_todo"}]}`)
	answered(t, h, actions, `{"subject":{"type":"agent","id":"beth"},`+one+`}`, `{"results":[{"name":"can_read_todos"}]}`)
	answered(t, h, actions, `{"subject":{"type":"agent","id":"nobody"},`+one+`}`, `{"results":[]}`)
	answered(t, h, actions, `{`+rick+`,"resource":{"type":"toaster","id":"1"}}`, `{"results":[]}`)

	answered(t, h, resources, `{`+rick+`,`+reads+`,"resource":{"type":"todo"}}`, `{"results":[]}`) // no policy names one
}

// named is the scenario with policies that name todos.
func named(t testing.TB, text string) http.Handler {
	t.Helper()
	source := fstest.MapFS{}
	for _, name := range []string{"release.yaml", "directory.yaml", "tools.yaml", "limits.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", "todo", name))
		must(t, err)
		source[name] = &fstest.MapFile{Data: data, Mode: 0o600}
	}
	source["policies/named.cedar"] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	_, cfg := todo(t)
	cfg.Asker = stillOf(t, source)
	return serve(t, cfg)
}

// TestSearchResources: what policies name is asked about, as everything is.
func TestSearchResources(t *testing.T) {
	h := named(t, `
@id("a") permit (principal in Group::"editor", action == Action::"can_read_todos", resource == Todo::"shopping list");
@id("b") permit (principal in Group::"editor", action == Action::"can_read_todos", resource == Todo :: "1");
@id("c") forbid (principal in Group::"admin", action, resource == Todo::"shopping list"); // and Todo::"in a comment"
@id("d") permit (principal in Group::"viewer", action == Action::"can_read_todos", resource in Todo::"2");
@id("e") permit (principal in Group::"viewer", action == Action::"can_read_user", resource == User::"3");
`)
	todos := func(ids ...string) string {
		for i, id := range ids {
			ids[i] = `{"type":"todo","id":"` + id + `"}`
		}
		return `{"results":[` + strings.Join(ids, ",") + `]}`
	}
	for name, want := range map[string]string{"morty": todos("1", "shopping list"), "rick": todos("1"), "beth": todos("2"), "nobody": todos()} {
		answered(t, h, resources, `{"subject":{"type":"agent","id":"`+name+`"},`+reads+`,"resource":{"type":"todo","id":"ignored"}}`, want)
	}
}

// answer is a page of results.
type answer struct {
	Results []map[string]string
	Page    *struct {
		NextToken string `json:"next_token"`
		Count     int
	}
}

func page(t testing.TB, h http.Handler, path, body string) answer {
	t.Helper()
	w := post(t, h, path, body, nil)
	var a answer
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &a) != nil {
		t.Fatalf("%s: %d %s", body, w.Code, w.Body)
	}
	return a
}

// TestPages: pages of any size hold all results, each once, in their order.
func TestPages(t *testing.T) {
	var policies strings.Builder
	const n = 23
	for i := range n {
		fmt.Fprintf(&policies, "@id(\"p%d\") permit (principal in Group::%q, action == Action::\"can_read_todos\", resource == Todo::\"t%02d\");\n", i, []string{"editor", "viewer"}[i%2], i)
	}
	h := named(t, policies.String())
	const search = `"subject":{"type":"agent","id":"morty"},` + reads + `,"resource":{"type":"todo"}`
	all := page(t, h, resources, `{`+search+`}`)
	if len(all.Results) != (n+1)/2 || all.Page != nil {
		t.Fatalf("got %+v", all)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var got []map[string]string
		for token, pages := "", 0; ; pages++ {
			limit := rapid.IntRange(1, n).Draw(rt, "limit")
			a := page(t, h, resources, fmt.Sprintf(`{%s,"page":{"limit":%d,"token":%q}}`, search, limit, token))
			if a.Page == nil || a.Page.Count != len(a.Results) || len(a.Results) > limit || pages > n {
				rt.Fatalf("page %d: %+v", pages, a)
			}
			got = append(got, a.Results...)
			if token = a.Page.NextToken; token == "" {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(all.Results) {
			rt.Fatalf("got %v, want %v", got, all.Results)
		}
	})
	if none := page(t, h, resources, `{`+search+`,"page":{"limit":0}}`); len(none.Results) != 0 || none.Page.NextToken == "" {
		t.Errorf("a page of nothing: %+v", none)
	}
}

// TestTokens: a token is of one search.
func TestTokens(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	const search = `{"subject":{"type":"agent"},` + reads + `,` + one + `,"page":{"limit":2,"token":"%s"}}`
	token := page(t, h, subjects, fmt.Sprintf(search, "")).Page.NextToken
	if a := page(t, h, subjects, fmt.Sprintf(search, token)); len(a.Results) != 2 || a.Results[0]["id"] != "morty" {
		t.Fatalf("got %+v", a)
	}
	spaced := strings.ReplaceAll(fmt.Sprintf(search, token), ":", " : ")
	if a := page(t, h, subjects, spaced); len(a.Results) != 2 {
		t.Errorf("the same search in another spelling: %+v", a)
	}
	for name, tt := range map[string]struct{ path, body string }{
		"another resource":  {subjects, strings.Replace(fmt.Sprintf(search, token), `"id":"1"`, `"id":"2"`, 1)},
		"another context":   {subjects, strings.Replace(fmt.Sprintf(search, token), `{`, `{"context":{},`, 1)},
		"another endpoint":  {resources, strings.Replace(fmt.Sprintf(search, token), `"type":"agent"`, `"type":"agent","id":"rick"`, 1)},
		"a forged one":      {subjects, fmt.Sprintf(search, "AAAA")},
		"no base64":         {subjects, fmt.Sprintf(search, "*")},
		"only its search":   {subjects, fmt.Sprintf(search, token[:22])},
		"a number":          {subjects, strings.Replace(fmt.Sprintf(search, ""), `""`, `7`, 1)},
		"a negative limit":  {subjects, strings.Replace(fmt.Sprintf(search, token), `2,`, `-2,`, 1)},
		"a limit in text":   {subjects, strings.Replace(fmt.Sprintf(search, token), `2,`, `"2",`, 1)},
		"half a limit":      {subjects, strings.Replace(fmt.Sprintf(search, token), `2,`, `0.5,`, 1)},
		"a page that is no": {subjects, `{"subject":{"type":"agent"},` + reads + `,` + one + `,"page":[]}`},
	} {
		if w := post(t, h, tt.path, tt.body, nil); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestSearchDemands: a search that says too little is malformed.
func TestSearchDemands(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	for _, tt := range []struct{ path, body, says string }{
		{subjects, `{"subject":{},` + reads + `,` + one + `}`, "subject.type is missing"},
		{subjects, `{"subject":{"type":"agent"},` + one + `}`, "action is missing"},
		{subjects, `{"subject":{"type":"agent"},` + reads + `,"resource":{"type":"todo"}}`, "resource.id is missing"},
		{resources, `{"subject":{"type":"agent"},` + reads + `,` + one + `}`, "subject.id is missing"},
		{resources, `{` + rick + `,` + reads + `,"resource":{"id":"1"}}`, "resource.type is missing"},
		{resources, `{` + rick + `,` + one + `}`, "action is missing"},
		{actions, `{` + rick + `}`, "resource is missing"},
		{actions, `{` + one + `}`, "subject is missing"},
		{actions, `{` + rick + `,` + one + `,"context":1}`, "context: a JSON object is wanted"},
	} {
		if w := post(t, h, tt.path, tt.body, nil); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, w.Code, w.Body)
		}
	}
}

// TestFoundIsAllowed: what a search finds an evaluation allows, and what it leaves out
// an evaluation denies (sections 8.1 and the like).
func TestFoundIsAllowed(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	for _, r := range rows(t) {
		resource := text(t, r.resource())
		for name, pid := range pids {
			body := fmt.Sprintf(`{"subject":{"type":"user","id":%q},"action":{"name":%q},"resource":%s}`, pid, r.action, resource)
			w := post(t, h, evaluation, body, nil)
			allowed := strings.Contains(w.Body.String(), "true")
			found := strings.Contains(post(t, h, subjects, body, nil).Body.String(), pid)
			does := strings.Contains(post(t, h, actions, body, nil).Body.String(), `"`+r.action+`"`)
			if found != allowed || does != allowed {
				t.Errorf("%s %s: allowed %v, found as subject %v, as action %v", name, body, allowed, found, does)
			}
		}
	}
}

// TestDescribe: what people read of a mapping is what it does.
func TestDescribe(t *testing.T) {
	s, cfg := todo(t)
	d, err := authzen.Describe(s.core.Release(), cfg.Mapping)
	must(t, err)
	for _, want := range []string{
		`type "agent"      agents by name: beth, jerry, morty, rick, summer`, `type "user"       agents by pid: ` + pids["rick"],
		`name "can_update_todo"    tool can-update-todo on Todo`, "ownerID: string!", `type "todo"       Todo; policies name: none`,
	} {
		if !strings.Contains(d.String(), want) {
			t.Errorf("%s\nlacks %s", d, want)
		}
	}
}
