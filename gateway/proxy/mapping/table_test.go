package mapping_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// TestRoutesThatMeanTwoThings are refused when the file is read.
func TestRoutesThatMeanTwoThings(t *testing.T) {
	for name, test := range map[string]struct{ routes, why string }{
		"none":                      {"routes: []", "no route"},
		"unknown key":               {"routes: [{operation: a, method: GET, path: /, verb: x}]", "verb"},
		"two documents":             {"routes: []\n---\nroutes: []", "more than one document"},
		"operation twice":           {"routes: [{operation: a, method: GET, path: /a}, {operation: a, method: GET, path: /b}]", "stands twice"},
		"same paths":                {"routes: [{operation: a, method: GET, path: '/{x}', resource: '{x}'}, {operation: b, method: GET, path: '/{y}'}]", "can be both"},
		"crossing paths":            {"routes: [{operation: a, method: GET, path: '/{x}/b'}, {operation: b, method: GET, path: '/a/{y}'}]", "can be both"},
		"bad name":                  {"routes: [{operation: A_b, method: GET, path: /}]", "no name"},
		"bad method":                {"routes: [{operation: a, method: TRACE, path: /}]", "method"},
		"body of a GET":             {"routes: [{operation: a, method: GET, path: /, body: json}]", "no body"},
		"strange body":              {"routes: [{operation: a, method: PUT, path: /, body: xml}]", "body"},
		"bad type":                  {"routes: [{operation: a, method: GET, path: /, resource_type: account}]", "Cedar"},
		"relative path":             {"routes: [{operation: a, method: GET, path: a}]", "begin with a slash"},
		"slash at the end":          {"routes: [{operation: a, method: GET, path: /a/}]", "empty"},
		"part of a segment":         {"routes: [{operation: a, method: GET, path: '/{x}.json'}]", "whole segment"},
		"parameter twice":           {"routes: [{operation: a, method: GET, path: '/{x}/{x}'}]", "twice"},
		"dots":                      {"routes: [{operation: a, method: GET, path: /a/..}]", "dot"},
		"unseen parameter":          {"routes: [{operation: a, method: GET, path: '/{x}/{y}', resource: '{x}'}]", "no policy would see {y}"},
		"resource of nothing":       {"routes: [{operation: a, method: GET, path: '/{x}', resource: '{y}'}]", "no parameter"},
		"resource with a brace":     {"routes: [{operation: a, method: GET, path: '/{x}', resource: '{x}}'}]", "brace"},
		"resource run together":     {"routes: [{operation: a, method: GET, path: '/{x}/{y}', resource: '{x}{y}'}]", "sign between"},
		"argument of no place":      {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: cookie, type: string}]}]", "write path"},
		"argument of no type":       {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: query, type: float}]}]", "type"},
		"argument of no path":       {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: path, type: string}]}]", "no parameter {x}"},
		"argument twice":            {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: query, type: string}, {name: x, in: header, type: string}]}]", "twice"},
		"place twice":               {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: header, from: a, type: string}, {name: y, in: header, from: A, type: string}]}]", "twice"},
		"our argument":              {"routes: [{operation: a, method: GET, path: /, arguments: [{name: request_sha256, in: query, type: string}]}]", "request_sha256"},
		"set in a header":           {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: header, type: string_set}]}]", "one value"},
		"body that is not":          {"routes: [{operation: a, method: POST, path: /, arguments: [{name: x, in: body, type: string}]}]", "body: json"},
		"nested, rest unseen":       {"routes: [{operation: a, method: POST, path: /, body: json, arguments: [{name: x, in: body, from: /a/b, type: string}]}]", "others: true"},
		"secret argument":           {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: header, from: authorization, type: string}]}]", "secret"},
		"overriding argument":       {"routes: [{operation: a, method: GET, path: /, arguments: [{name: x, in: header, from: X-HTTP-Method-Override, type: string}]}]", "cannot be forwarded"},
		"hop-by-hop header":         {"routes: [{operation: a, method: GET, path: /, headers: [Transfer-Encoding]}]", "cannot be forwarded"},
		"our header":                {"routes: [{operation: a, method: GET, path: /, headers: [Portcullis-Intent]}]", "cannot be forwarded"},
		"header that is no name":    {"routes: [{operation: a, method: GET, path: /, headers: ['a b']}]", "cannot be forwarded"},
		"name longer than a tool's": {"routes: [{operation: " + strings.Repeat("a", 60) + ", method: GET, path: /}]", "name"},
	} {
		t.Run(name, func(t *testing.T) {
			routes, err := mapping.Parse([]byte(test.routes))
			if err == nil {
				_, err = mapping.New("bank", routes)
			}
			if err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
		})
	}
}

// TestAChangedRouteIsAnotherDefinition: whatever is changed, the release must be
// signed again.
func TestAChangedRouteIsAnotherDefinition(t *testing.T) {
	first := tableOf(t, bank)
	for _, change := range []struct{ old, new string }{
		{"/payments", "/paymentz"},
		{`"acct:{account}"`, `"{account}"`},
		{"name: amount, in: body", "name: amount, in: body, from: total"},
		{"type: bool", "type: string"},
		{"required: true, min: 0", "min: 0"},
		{"    body: json\n", "    body: json\n    others: true\n"},
		{"    body: json\n", "    body: json\n    headers: [X-A]\n"},
	} {
		second := tableOf(t, strings.Replace(bank, change.old, change.new, 1))
		if first.Tools()[0].Definition == second.Tools()[0].Definition || first.Digest() == second.Digest() {
			t.Errorf("%s for %s: the definition is the same", change.new, change.old)
		}
	}
	if tableOf(t, bank).Digest() != first.Digest() {
		t.Error("the same routes have two digests")
	}
}

// TestMatchAgainstDumb compares the table with a regular expression a route: a table
// that is accepted finds what the most definite expression finds, whatever the order
// in which the routes stand.
func TestMatchAgainstDumb(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "{x}", "{y}"})
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return "/" + strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "segments"), "/")
		}), 1, 6).Draw(t, "paths")
		var routes []mapping.Route
		for i, path := range paths {
			routes = append(routes, mapping.Route{Operation: fmt.Sprintf("op%d", i), Method: http.MethodGet, Path: path})
		}
		table, err := mapping.New("t", routes)
		if err != nil {
			t.Skip("refused")
		}
		asked := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(t, "asked"), "/")
		want := dumb(paths, asked)
		call, err := table.Read(mapping.Message{Method: http.MethodGet, Target: asked})
		if (err == nil) != (want >= 0) || err == nil && call.Tool != fmt.Sprintf("t-op%d", want) {
			t.Fatalf("%s of %v: %s (%v), want route %d", asked, paths, call.Tool, err, want)
		}
	})
}

// dumb finds the expression that matches with the fewest parameters, -1 if none does.
func dumb(paths []string, asked string) int {
	best := -1
	parameter := regexp.MustCompile(`\{.\}`)
	for i, path := range paths {
		if !regexp.MustCompile("^" + parameter.ReplaceAllString(path, "[^/]+") + "$").MatchString(asked) {
			continue
		}
		if best < 0 || strings.Count(path, "{") < strings.Count(paths[best], "{") {
			best = i
		}
	}
	return best
}

// TestCanonicalTargets: two targets that are accepted and name the same resource are
// written alike, but for signs that may be encoded or not.
func TestCanonicalTargets(t *testing.T) {
	table := tableOf(t, bank)
	plain := strings.NewReplacer("%21", "!", "%24", "$", "%26", "&", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2B", "+", "%2C", ",", "%3D", "=", "%3A", ":", "%40", "@")
	signs := []string{"a", "%61", "%C3%A9", "é", "%2F", "/", ".", "%2E", "%25", "%2F", "%5C", ";", "%3B", ":", "%3A", "+", "%2B", "%20", " ", "%00", "~", "%7E"}
	seen := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		asked := "/accounts/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(signs), 1, 4).Draw(t, "signs"), "")
		call, err := get(asked).read(table)
		if err != nil {
			return
		}
		if strings.ContainsAny(strings.TrimPrefix(call.Resource, "/accounts/"), "/\\?#;%\x00") {
			t.Fatalf("%q is the resource %q", asked, call.Resource)
		}
		if other, known := seen[call.Resource]; known && plain.Replace(other) != plain.Replace(asked) {
			t.Fatalf("%q and %q are one resource, %q", other, asked, call.Resource)
		}
		seen[call.Resource] = asked
	})
}

// TestEntries: what is printed names each argument with its type and the digest of
// the request.
func TestEntries(t *testing.T) {
	table := tableOf(t, bank)
	text, err := table.Entries()
	must(t, err)
	for _, want := range []string{
		"  - name: bank-pay\n    resource_type: Account\n", `{name: "amount", type: long, required: true, min: 0}`,
		`{name: "tag", type: string_set}`, "{name: request_sha256, type: string, required: true, max_length: 64}", "resource_type: Endpoint",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	for _, tool := range table.Tools() {
		if !strings.Contains(text, tool.Definition.String()) {
			t.Errorf("lacks the definition of %s", tool.Name)
		}
	}
	names := []string{"bank-deep", "bank-mine", "bank-pay", "bank-show", "bank-upload"}
	var got []string
	for _, tool := range table.Tools() {
		got = append(got, tool.Name)
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Errorf("the tools are %v", got)
	}
}
