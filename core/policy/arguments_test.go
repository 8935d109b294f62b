package policy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/policy"
)

// permitAll permits every transfer, so that only the arguments decide.
const permitAll = `@id("all") permit(principal, action == Action::"transfer", resource);`

func withArguments(raw string) policy.Request {
	r := transfer(0)
	r.Arguments = []byte(raw)
	return r
}

func TestArguments(t *testing.T) {
	set := mustCompile(t, config(permitAll))
	const rest = `, "currency": "EUR"`
	tests := []struct{ name, raw, message string }{
		{"least", `{"amount":1,"currency":"EUR"}`, ""},
		{"space everywhere", " {\t\"amount\" :\r\n 1 , \"currency\" : \"EUR\" } \n", ""},
		{"escaped name", `{"am\u006funt":1` + rest + `}`, ""},
		{"largest", `{"amount":9223372036854775807` + rest + `}`, ""},
		{"smallest", `{"amount":-9223372036854775808` + rest + `}`, ""},
		{"zero", `{"amount":0` + rest + `}`, ""},
		{"everything", `{"amount":1` + rest + `,"fee":100,"tags":["a","b"],"codes":[1,-5,9],"rate":"0.25","urgent":true}`, ""},
		{"empty sets", `{"amount":1` + rest + `,"tags":[],"codes":[ ]}`, ""},
		{"repeated members", `{"amount":1` + rest + `,"tags":["a","a","a"]}`, ""},
		{"escapes in an enum", `{"amount":1,"currency":"\u0045UR"}`, ""},
		{"every escape", `{"amount":1` + rest + `,"tags":["\"\\\/\b\f\n\r\t","\u00e9","\ud83d\ude00"]}`, ""},

		{"empty", ``, "are nothing"},
		{"null", `null`, "are null"},
		{"array", `[]`, "are an array"},
		{"not JSON", `hello`, "not JSON"},
		{"unclosed", `{"amount":1`, "not followed by a comma"},
		{"only a brace", `{`, "nothing, and a string"},
		{"bytes after", `{"amount":1` + rest + `}{}`, "after their closing brace"},
		{"comma at the end", `{"amount":1` + rest + `,}`, "a string is wanted"},
		{"no comma", `{"amount":1 "currency":"EUR"}`, `"amount" is not followed`},
		{"no colon", `{"amount" 1}`, "no colon"},
		{"unquoted name", `{amount:1}`, "number 1"},
		{"single quotes", `{'amount':1}`, "number 1"},
		{"comment", `{/**/"amount":1}`, "number 1"},
		{"byte order mark", "\xef\xbb\xbf{}", "JSON object is wanted"},
		{"missing", `{"currency":"EUR"}`, `"amount" is missing`},
		{"unknown", `{"amount":1` + rest + `,"note":"x"}`, `"note" is unknown; declared are: amount, codes,`},
		{"other case", `{"Amount":1` + rest + `}`, `"Amount" is unknown`},
		{"twice", `{"amount":1,"amount":2` + rest + `}`, `"amount" stands twice`},
		{"twice, escaped", `{"amount":1,"\u0061mount":2` + rest + `}`, `"amount" stands twice`},
		{"null value", `{"amount":null` + rest + `}`, `"amount" is null`},
		{"null optional", `{"amount":1` + rest + `,"fee":null}`, `"fee" is null`},
		{"string for a number", `{"amount":"1"` + rest + `}`, `"amount" is a string`},
		{"number for a string", `{"amount":1,"currency":1}`, `"currency" is a number`},
		{"object for a string", `{"amount":1,"currency":{}}`, `"currency" is an object`},
		{"exponent", `{"amount":1e3` + rest + `}`, `"amount" is 1e3`},
		{"point", `{"amount":1.0` + rest + `}`, `"amount" is 1.0`},
		{"one too large", `{"amount":9223372036854775808` + rest + `}`, "64 bits"},
		{"one too small", `{"amount":-9223372036854775809` + rest + `}`, "64 bits"},
		{"leading zero", `{"amount":01` + rest + `}`, "leading zero"},
		{"minus zero", `{"amount":-0` + rest + `}`, `is -0`},
		{"plus", `{"amount":+1` + rest + `}`, "not JSON"},
		{"only minus", `{"amount":-` + rest + `}`, "is -,"},
		{"hexadecimal", `{"amount":0x10` + rest + `}`, "not followed by a comma"},
		{"infinity", `{"amount":Infinity` + rest + `}`, "not JSON"},
		{"above its bound", `{"amount":1` + rest + `,"fee":101}`, `"fee" is 101, and only 0 to 100`},
		{"below its bound", `{"amount":1` + rest + `,"fee":-1}`, `"fee" is -1`},
		{"member above its bound", `{"amount":1` + rest + `,"codes":[10]}`, `"codes" is 10`},
		{"outside the enum", `{"amount":1,"currency":"GBP"}`, `"currency" is "GBP"`},
		{"too many members", `{"amount":1` + rest + `,"tags":["a","b","c","d"]}`, "more than 3 members"},
		{"member too long", `{"amount":1` + rest + `,"tags":["123456789"]}`, "9 bytes long"},
		{"set in a set", `{"amount":1` + rest + `,"tags":[["a"]]}`, "an array, and a string"},
		{"deep", `{"amount":1` + rest + `,"tags":` + strings.Repeat("[", 10000) + `}`, "an array, and a string"},
		{"unclosed set", `{"amount":1` + rest + `,"tags":["a"}`, "does not close"},
		{"comma at the end of a set", `{"amount":1` + rest + `,"tags":["a",]}`, "a member"},
		{"mixed set", `{"amount":1` + rest + `,"codes":[1,"2"]}`, "a member"},
		{"bool as number", `{"amount":1` + rest + `,"urgent":1}`, `"urgent" is a number`},
		{"bool misspelt", `{"amount":1` + rest + `,"urgent":tru}`, `"urgent" is a bool`},
		{"bool with a tail", `{"amount":1` + rest + `,"urgent":trueish}`, "not followed"},
		{"decimal as number", `{"amount":1` + rest + `,"rate":0.25}`, "a string is wanted"},
		{"decimal with plus", `{"amount":1` + rest + `,"rate":"+1.5"}`, "not a decimal"},
		{"decimal that is empty", `{"amount":1` + rest + `,"rate":""}`, "not a decimal"},
		{"decimal too exact", `{"amount":1` + rest + `,"rate":"0.00001"}`, "not a decimal"},
		{"decimal without point", `{"amount":1` + rest + `,"rate":"1"}`, "not a decimal"},
		{"not UTF-8", "{\"amount\":1,\"currency\":\"\xff\"}", "not valid UTF-8"},
		{"raw control character", "{\"amount\":1,\"currency\":\"a\nb\"}", "raw control character"},
		{"raw control character after an escape", "{\"amount\":1,\"currency\":\"\\n\x00\"}", "raw control character"},
		{"half a pair", `{"amount":1,"currency":"\ud83d"}`, "half of a surrogate pair"},
		{"the other half", `{"amount":1,"currency":"\ude00"}`, "half of a surrogate pair"},
		{"two first halves", `{"amount":1,"currency":"\ud83d\ud83d"}`, "half of a surrogate pair"},
		{"pair with a bad half", `{"amount":1,"currency":"\ud83d\uzzzz"}`, "unknown escape"},
		{"unknown escape", `{"amount":1,"currency":"\x41"}`, "unknown escape"},
		{"bad digits", `{"amount":1,"currency":"\u+041"}`, "unknown escape"},
		{"cut in an escape", `{"amount":1,"currency":"\u00`, "ends too early"},
		{"cut after a backslash", `{"amount":1,"currency":"\`, "ends too early"},
		{"cut in a string", `{"amount":1,"currency":"E`, "ends too early"},
		{"cut after an escape", `{"amount":1,"currency":"\n`, "ends too early"},
		{"too long", `{"amount":1` + rest + strings.Repeat(" ", 64<<10) + `}`, "at most 65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := set.Evaluate(withArguments(tt.raw))
			if tt.message == "" {
				if !got.Allow {
					t.Fatalf("refused: %+v", got)
				}
				return
			}
			if got.Allow || got.Code != policy.ArgumentsInvalid {
				t.Fatalf("got %+v", got)
			}
			if len(got.Errors) != 1 || !strings.Contains(got.Errors[0], tt.message) {
				t.Errorf("errors %q, want %q", got.Errors, tt.message)
			}
		})
	}
}

// TestArgumentsReachPolicies checks that what policies see is what was sent.
func TestArgumentsReachPolicies(t *testing.T) {
	set := mustCompile(t, config(`@id("exact") permit(principal, action == Action::"transfer", resource) when {
		context.arguments.amount == -7 && context.arguments.currency == "USD" &&
		context.arguments has fee && context.arguments.fee == 3 &&
		context.arguments has tags && context.arguments.tags == ["é", "x"] &&
		context.arguments has codes && context.arguments.codes == [1, 2] &&
		context.arguments has rate && context.arguments.rate == decimal("0.25") &&
		context.arguments has urgent && !context.arguments.urgent &&
		context.session.sequence == 1 && context.usage.daily == 10 && context.time == 1795348800 &&
		principal.clearance == 2 && principal has team && principal.team == "red" && resource.id == "acct-7" };`))
	raw := `{"amount":-7,"currency":"USD","fee":3,"tags":["x","\u00e9","x"],"codes":[2,1],"rate":"0.2500","urgent":false}`
	if got := set.Evaluate(withArguments(raw)); !got.Allow {
		t.Fatalf("got %+v\n%s", got, set.Explain(withArguments(raw)))
	}
}

// TestNumbersAreExact checks that a number is taken exactly when it is the
// canonical text of an int64.
func TestNumbersAreExact(t *testing.T) {
	set := mustCompile(t, config(permitAll))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, math.MaxInt64, math.MinInt64})).Draw(t, "n")
		tail := rapid.SampledFrom([]string{"", ".0", "e0", "E1", "0", ".", "e"}).Draw(t, "tail")
		got := set.Evaluate(withArguments(fmt.Sprintf(`{"amount":%d%s,"currency":"EUR"}`, n, tail)))
		want := tail == "" || (tail == "0" && n != 0 && n <= math.MaxInt64/10 && n >= math.MinInt64/10)
		if got.Allow != want {
			t.Fatalf("%d%s: %+v", n, tail, got)
		}
	})
}

// TestStringsSurvive checks every string that JSON can carry.
func TestStringsSurvive(t *testing.T) {
	set := mustCompile(t, config(`@id("same") permit(principal, action == Action::"file-read", resource) when { context.environment has ticket && context.environment.ticket == context.arguments.path };`))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 16, 64).Filter(utf8.ValidString).Draw(t, "text")
		plain, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		r := fileRequest("file.read", "docs/a")
		r.Arguments = fmt.Appendf(nil, `{"path":%s}`, plain)
		r.Context = fmt.Appendf(nil, `{"ticket":"%s"}`, escapeAll(text))
		if got := set.Evaluate(r); !got.Allow {
			t.Fatalf("%q: %+v", text, got)
		}
	})
}

// escapeAll writes every character as an escape.
func escapeAll(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c > 0xffff {
			c -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(c>>10), 0xdc00+(c&0x3ff))
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}

// FuzzArguments compares the decoder with the standard library: what is taken
// must be JSON that the library takes too, with the same values.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`{"amount":1,"currency":"EUR"}`, `{"amount":1,"currency":"EUR","tags":["a","\u00e9"],"codes":[1],"rate":"1.5","urgent":false,"fee":2}`, `{}`, `{"amount":1e3}`, "{\"amount\":1,\"amount\":2}", `{"currency":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	set := mustCompile(f, config(permitAll))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := transfer(0)
		r.Arguments = raw
		got := set.Evaluate(r)
		if again := set.Evaluate(r); fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatalf("two answers: %v and %v", got, again)
		}
		if !got.Allow {
			if got.Code != policy.ArgumentsInvalid || len(got.Errors) != 1 || !utf8.ValidString(got.Errors[0]) {
				t.Fatalf("refused oddly: %+v", got)
			}
			return
		}
		var reference struct {
			Amount   *int64   `json:"amount"`
			Currency *string  `json:"currency"`
			Tags     []string `json:"tags"`
			Codes    []int64  `json:"codes"`
			Rate     string   `json:"rate"`
			Urgent   bool     `json:"urgent"`
			Fee      int64    `json:"fee"`
		}
		if err := json.Unmarshal(raw, &reference); err != nil || reference.Amount == nil || reference.Currency == nil {
			t.Fatalf("took %q: %v", raw, err)
		}
		exact := mustCompile(t, config(fmt.Sprintf(`@id("exact") permit(principal, action == Action::"transfer", resource) when { context.arguments.amount == %d };`, *reference.Amount)))
		if got := exact.Evaluate(r); !got.Allow {
			t.Fatalf("%q: amount is not %d", raw, *reference.Amount)
		}
	})
}
