package authzen_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	yes = `{"decision":true}`
	no  = `{"decision":false}`
)

// TestSemantics: when a list of evaluations ends.
func TestSemantics(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	item := map[byte]string{
		'+': `{"resource":{"type":"todo","id":"1","properties":{"ownerID":"morty@the-citadel.com"}}}`,
		'-': `{"resource":{"type":"todo","id":"2","properties":{"ownerID":"rick@the-citadel.com"}}}`,
	}
	for _, tt := range []struct{ semantic, list, want string }{
		{``, "+-+", yes + "," + no + "," + yes},
		{`"evaluations_semantic":"execute_all"`, "-+-", no + "," + yes + "," + no},
		{`"evaluations_semantic":"deny_on_first_deny"`, "++-+", yes + "," + yes + "," + no},
		{`"evaluations_semantic":"deny_on_first_deny"`, "++", yes + "," + yes},
		{`"evaluations_semantic":"deny_on_first_deny"`, "-", no},
		{`"evaluations_semantic":"permit_on_first_permit"`, "--+-", no + "," + no + "," + yes},
		{`"evaluations_semantic":"permit_on_first_permit"`, "--", no + "," + no},
		{`"another_option":[1]`, "-+", no + "," + yes},
	} {
		var list []string
		for i := range len(tt.list) {
			list = append(list, item[tt.list[i]])
		}
		answered(t, h, evaluations, `{"subject":{"type":"agent","id":"morty"},"action":{"name":"can_update_todo"},"options":{`+tt.semantic+`},"evaluations":[`+
			strings.Join(list, ",")+`]}`, `{"evaluations":[`+tt.want+`]}`)
	}
}

// TestDefaults: an evaluation's own key takes the place of the request's, as a whole.
func TestDefaults(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	const top = `{"subject":{"type":"agent","id":"beth"},"action":{"name":"can_update_todo","properties":{"ownerID":"beth@the-smiths.com"}},` + one + `,"context":{},"evaluations":[`
	answered(t, h, evaluations, top+`
		{},
		{`+rick+`},
		{"action":{"name":"can_update_todo"},`+rick+`},
		{`+reads+`},
		{`+reads+`,"resource":{"type":"user","id":"1"}},
		{`+reads+`,"context":{"time":"now"}}]}`, `{"evaluations":[`+strings.Join([]string{no, yes, no, yes, no, no}, ",")+`]}`)
	// Without a list, or with an empty one, the request is the one evaluation.
	answered(t, h, evaluations, right, yes)
	answered(t, h, evaluations, strings.Replace(right, `{`, `{"evaluations":[],`, 1), yes)
	// A list is none of the single endpoint's business.
	answered(t, h, evaluation, strings.Replace(right, `{`, `{"evaluations":[{}],`, 1), yes)
}

// TestFaultsInLists: one evaluation that says too little denies itself alone; what is
// wrong with the list is wrong with all of it.
func TestFaultsInLists(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	bad := func(message string) string {
		return fmt.Sprintf(`{"decision":false,"context":{"error":{"status":400,"message":"authzen: %s"}}}`, message)
	}
	answered(t, h, evaluations, `{`+rick+`,`+reads+`,"evaluations":[{`+one+`},{},7,{"resource":{"type":"todo"}},{"resource":null},{`+one+`}]}`,
		`{"evaluations":[`+strings.Join([]string{
			yes, bad("resource is missing"), bad("evaluation: a JSON object is wanted"), bad("resource.id is missing"), bad("resource: a JSON object is wanted"), yes,
		}, ",")+`]}`)
	answered(t, h, evaluations, `{`+rick+`,`+reads+`,"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{},{`+one+`}]}`,
		`{"evaluations":[`+bad("resource is missing")+`]}`)
	answered(t, h, evaluations, `{`+rick+`,`+reads+`,"options":{"evaluations_semantic":"permit_on_first_permit"},"evaluations":[{},{`+one+`}]}`,
		`{"evaluations":[`+bad("resource is missing")+`,`+yes+`]}`)
	for name, body := range map[string]string{
		"no array":             `{"evaluations":{}}`,
		"null":                 `{"evaluations":null}`,
		"too many":             `{"evaluations":[{}` + strings.Repeat(`,{}`, 1000) + `]}`,
		"an unknown semantic":  `{"evaluations":[{}],"options":{"evaluations_semantic":"any"}}`,
		"no text":              `{"evaluations":[{}],"options":{"evaluations_semantic":1}}`,
		"options of null":      `{"evaluations":[{}],"options":null}`,
		"an empty list alone":  `{"evaluations":[]}`,
		"a broken one":         `{"evaluations":[{]}`,
		"a name twice, inside": `{"evaluations":[{"context":{"a":1,"a":2}}]}`,
	} {
		if w := post(t, h, evaluations, body, nil); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "decision") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
