package policy_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/policy"
)

// jsonConfig declares one argument of type JSON, and permits what a condition says.
func jsonConfig(condition string, maxLength int) policy.Config {
	return policy.Config{
		Sources: []policy.Source{{Name: "a.cedar", Text: `@id("all") permit(principal, action == Action::"edit", resource) when { ` + condition + ` };`}},
		Tools: []policy.Tool{{
			Name: "edit", Action: "edit", ResourceType: "File",
			Arguments: []policy.Attribute{{Name: "edits", Type: policy.TypeJSON, Required: true, MaxLength: maxLength}},
		}},
	}
}

func editRequest(raw string) policy.Request {
	r := transfer(0)
	r.Principal.Attributes, r.Usage = nil, nil
	r.Tool, r.Context, r.Arguments = "edit", nil, []byte(raw)
	return r
}

func TestJSONArguments(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct{ name, value, text, message string }{
		{"string", ` "a\/\u0062\n" `, `"a/b\u000a"`, ""},
		{"quote and backslash", `"\"\\"`, `"\"\\"`, ""},
		{"number", `-1.50e+3`, `-1.50e+3`, ""},
		{"zero", `0`, `0`, ""},
		{"words", `[ true,false , null ]`, `[true,false,null]`, ""},
		{"empty", ` { } `, `{}`, ""},
		{"nested, in the order that was written", `{ "b" : [ { "a" : 1 } , [ ] ] , "a" : {} }`, `{"b":[{"a":1},[]],"a":{}}`, ""},
		{"as deep as may be", deep(64), deep(64), ""},
		{"the same name elsewhere", `[{"a":1},{"a":1}]`, `[{"a":1},{"a":1}]`, ""},

		{"too deep", deep(65), "", "nests deeper than 64"},
		{"name twice", `{"a":1,"\u0061":2}`, "", `"a" twice`},
		{"no colon", `{"a" 1}`, "", "without a colon"},
		{"no name", `{1:2}`, "", "holds a name that is a number"},
		{"no comma", `[1 2]`, "", "without a comma"},
		{"comma at the end", `[1,]`, "", "JSON value is wanted"},
		{"comma first", `[,1]`, "", "JSON value is wanted"},
		{"wrong closing", `[1}`, "", "without a comma"},
		{"unclosed", `[1`, "", "without a comma"},
		{"leading zero", `01`, "", "not one of JSON"},
		{"bare minus", `-`, "", "not one of JSON"},
		{"point without places", `1.`, "", "not one of JSON"},
		{"exponent without digits", `1e`, "", "not one of JSON"},
		{"endless number", strings.Repeat("9", 65), "", "longer than 64"},
		{"not a word", `nil`, "", "JSON value is wanted"},
		{"half a pair", `"\ud800"`, "", "surrogate"},
		{"nothing", ``, "", "JSON value is wanted"},
		{"too long", `"` + strings.Repeat("x", 400) + `"`, "", "402 bytes long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			condition := `context.arguments.edits == ` + cedarText(test.text)
			got := mustCompile(t, jsonConfig(condition, 400)).Evaluate(editRequest(`{"edits":` + test.value + `}`))
			switch {
			case test.message == "" && got.Code != policy.Allowed:
				t.Errorf("%v: the text is not %s", got, test.text)
			case test.message != "" && (got.Code != policy.ArgumentsInvalid || !strings.Contains(strings.Join(got.Errors, "\n"), test.message)):
				t.Errorf("%v, want %q", got, test.message)
			}
		})
	}
}

func cedarText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// TestJSONArgumentsAgreeWithTheLibrary: what the standard library takes for one
// value is the same value in the text that policies see.
func TestJSONArgumentsAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var leaf, tree *rapid.Generator[any]
		leaf = rapid.OneOf(rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil))
		tree = leaf
		for range 3 {
			inner := tree
			tree = rapid.OneOf(leaf, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
		}
		raw, err := json.MarshalIndent(tree.Draw(t, "value"), " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		text, rest := policy.JSONText(string(raw))
		var want, got any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || rest != "" || !reflect.DeepEqual(want, got) {
			t.Fatalf("%s became %s, rest %q: %v", raw, text, rest, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(text)); err != nil || compact.String() != text {
			t.Fatalf("%s has space: %v", text, err)
		}
	})
}
