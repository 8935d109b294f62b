package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	"github.com/portcullis-dev/portcullis/gateway/proxy/openapi"
)

const document = `openapi: 3.1.0
info: {title: Bank, version: "1"}
paths:
  /accounts/{account}/payments:
    parameters:
      - {name: account, in: path, required: true, schema: {type: string, maxLength: 34}}
    post:
      operationId: createPayment
      summary: Moves money.
      parameters:
        - $ref: "#/components/parameters/DryRun"
        - {name: X-Tenant, in: header, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Payment"}
      responses: {201: {description: done}}
    get:
      parameters:
        - {name: status, in: query, schema: {type: array, items: {type: string}}}
        - {name: limit, in: query, required: true, schema: {type: [integer, "null"], minimum: 1, maximum: 50}}
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
        - {name: codes, in: query, explode: false, schema: {type: array, items: {type: integer}}}
      responses: {200: {description: ok}}
  /accounts/{account}:
    delete:
      operationId: DeleteHTTPAccount
      parameters:
        - {name: account, in: path, required: true, schema: {type: string}}
  /upload:
    put:
      operationId: upload
      requestBody: {content: {image/png: {}}}
  /odd:
    post:
      operationId: odd
      requestBody: {content: {application/json: {schema: {oneOf: [{type: object}, {type: array}]}}}}
  /circle:
    post:
      operationId: circle
      requestBody: {$ref: "#/components/requestBodies/A"}
  /remote:
    get:
      operationId: remote
      parameters: [{$ref: "other.yaml#/x"}]
  /files/{name}.json:
    get: {operationId: part}
components:
  requestBodies:
    A: {$ref: "#/components/requestBodies/A"}
  parameters:
    DryRun: {name: dry_run, in: query, schema: {type: boolean}}
  schemas:
    Amount: {type: integer, minimum: 0}
    Payment:
      allOf:
        - {type: object, required: [amount], properties: {amount: {$ref: "#/components/schemas/Amount"}}}
        - {type: object, properties: {account: {type: string}, currency: {type: string, enum: [EUR, USD]}, "a/b": {type: number}, tags: {type: array, items: {type: string}}}}
`

func routes(t *testing.T, text string) (map[string]mapping.Route, []openapi.Skipped) {
	t.Helper()
	list, skipped, err := openapi.Routes([]byte(text), "Endpoint")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mapping.New("bank", list); err != nil {
		t.Fatal(err)
	}
	out := map[string]mapping.Route{}
	for _, r := range list {
		out[r.Operation] = r
	}
	return out, skipped
}

func line(a mapping.Argument) string {
	text := fmt.Sprintf("%s %s %s %s", a.Name, a.In, a.From, a.Type)
	if a.Required {
		text += " required"
	}
	if a.Min != nil {
		text += fmt.Sprintf(" min %d", *a.Min)
	}
	if a.Max != nil {
		text += fmt.Sprintf(" max %d", *a.Max)
	}
	if len(a.OneOf) > 0 {
		text += " of " + strings.Join(a.OneOf, "|")
	}
	return text
}

func TestRoutes(t *testing.T) {
	got, skipped := routes(t, document)
	for operation, want := range map[string]struct {
		where     string
		arguments []string
		body      mapping.Body
	}{
		"create-payment": {"POST /accounts/{account}/payments", []string{
			"account path account string required", "dry_run query dry_run bool", "X_Tenant header X-Tenant string", "a_b body /a~1b json",
			"body_account body account string", "amount body amount long required min 0", "currency body currency string of EUR|USD", "tags body tags string_set",
		}, mapping.BodyJSON},
		"get-accounts-account-payments": {"GET /accounts/{account}/payments", []string{
			"account path account string required", "status query status string_set", "limit query limit long required min 1 max 50",
		}, mapping.BodyNone},
		"delete-httpaccount": {"DELETE /accounts/{account}", []string{"account path account string required"}, mapping.BodyNone},
		"upload":             {"PUT /upload", nil, mapping.BodyOpaque},
	} {
		r, ok := got[operation]
		if !ok {
			t.Errorf("no route is called %s", operation)
			continue
		}
		var arguments []string
		for _, a := range r.Arguments {
			arguments = append(arguments, line(a))
		}
		if where := r.Method + " " + r.Path; where != want.where || strings.Join(arguments, "\n") != strings.Join(want.arguments, "\n") || r.Body != want.body || r.Others {
			t.Errorf("%s is %s, body %q, others %v:\n%s", operation, where, r.Body, r.Others, strings.Join(arguments, "\n"))
		}
	}
	var left []string
	for _, s := range skipped {
		left = append(left, s.Path)
	}
	if len(got) != 4 || strings.Join(left, " ") != "/circle /files/{name}.json /odd /remote" {
		t.Errorf("%d routes; left out are %v", len(got), left)
	}
}

// TestOthers: members that are not declared are refused unless the schema says that
// there may be some, or declares none.
func TestOthers(t *testing.T) {
	for schema, want := range map[string]bool{
		`{type: object, properties: {a: {}}}`:                              false,
		`{type: object, properties: {a: {}}, additionalProperties: false}`: false,
		`{type: object, properties: {a: {}}, additionalProperties: true}`:  true,
		`{type: object, properties: {a: {}}, additionalProperties: {}}`:    true,
		`{type: object}`: true,
	} {
		got, _ := routes(t, "openapi: 3.0.3\npaths: {/x: {post: {operationId: x, requestBody: {content: {application/json: {schema: "+schema+"}}}}}}")
		if got["x"].Others != want {
			t.Errorf("%s: others is %v", schema, got["x"].Others)
		}
	}
}

// TestDocumentsThatAreNone are refused whole.
func TestDocumentsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct{ text, why string }{
		"version 2":        {"swagger: \"2.0\"\npaths: {}", "3.0 and 3.1 are read"},
		"version 4":        {"openapi: 4.0.0\npaths: {}", "3.0 and 3.1 are read"},
		"no YAML":          {"a: [", "yaml"},
		"a name twice":     {`{"openapi":"3.1.0","paths":{"/a":{"get":{}},"/a":{"get":{}}}}`, "stands twice"},
		"YAML, name twice": {"openapi: 3.1.0\npaths:\n  /a: {get: {}}\n  /a: {get: {}}\n", "already defined"},
	} {
		if _, _, err := openapi.Routes([]byte(test.text), "Endpoint"); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRoutes: whatever a document holds, the routes that it gives are each a table.
func FuzzRoutes(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"1","in":"query"}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, err := openapi.Routes(data, "Endpoint")
		if err != nil {
			return
		}
		for _, r := range list {
			if _, err := mapping.New("x", []mapping.Route{r}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
