package mapping_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

const bank = `routes:
  - operation: pay
    method: POST
    path: /accounts/{account}/payments
    resource: "acct:{account}"
    resource_type: Account
    body: json
    arguments:
      - {name: amount, in: body, type: long, required: true, min: 0}
      - {name: rate, in: body, type: decimal}
      - {name: city, in: body, from: city, type: string}
      - {name: dry_run, in: query, type: bool}
      - {name: tag, in: query, type: string_set}
      - {name: page, in: query, type: long}
      - {name: tenant, in: header, from: X-Tenant, type: string}
  - operation: show
    method: GET
    path: /accounts/{account}
  - operation: mine
    method: GET
    path: /accounts/mine
  - operation: upload
    method: PUT
    path: /files/{name}
    body: opaque
  - operation: deep
    method: POST
    path: /deep
    body: json
    others: true
    arguments:
      - {name: n, in: body, from: /order/n, type: long}
`

// FuzzRead: whatever is asked for is a Fault of 4xx, or a call whose arguments are one
// JSON object with the digest of what is forwarded.
func FuzzRead(f *testing.F) {
	f.Add("POST", "/accounts/acme/payments?dry_run=true", "Content-Type: application/json", []byte(`{"amount":1}`))
	f.Add("GET", "/accounts/%C3%A9", "Accept: */*", []byte(nil))
	f.Add("POST", "/deep", "Content-Type: application/json", []byte(`{"order":{"n":1,"N":2}}`))
	f.Add("PUT", "/files/a%2e", "X_HTTP_Method: x", []byte{0xff})
	f.Add("GET", "/accounts/..;/x//", "Connection: a", []byte(nil))
	table := tableOf(f, bank)
	f.Fuzz(func(t *testing.T, method, target, line string, body []byte) {
		header := http.Header{}
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(name, value)
		}
		call, err := table.Read(mapping.Message{Method: method, Target: target, Header: header, Body: body})
		if err != nil {
			checkFault(t, err)
			return
		}
		var arguments map[string]any
		if err := json.Unmarshal(call.Arguments, &arguments); err != nil {
			t.Fatalf("%s: %v", call.Arguments, err)
		}
		if arguments[mapping.RequestArgument] != call.Sum().String() || call.Target != target || string(call.Body) != string(body) || len(call.Resource) > 2048 {
			t.Fatalf("%+v", call)
		}
		if strings.Contains(call.Target, "..") && strings.Contains(call.Target, "../") || strings.Contains(call.Target, "//") {
			t.Fatalf("%q came through", target)
		}
	})
}

// FuzzParse: whatever a mapping file holds is refused, or is a table that tells its
// tools.
func FuzzParse(f *testing.F) {
	f.Add([]byte(bank))
	f.Add([]byte("routes: [{operation: a, method: GET, path: '/{x}/b'}, {operation: b, method: GET, path: '/a/{y}'}]"))
	f.Add([]byte("routes: [{operation: a, method: GET, path: /, resource: '{x}'}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		routes, err := mapping.Parse(data)
		if err != nil {
			return
		}
		table, err := mapping.New("fuzz", routes)
		if err != nil {
			return
		}
		if _, err := table.Entries(); err != nil {
			t.Fatal(err)
		}
		_, _ = table.Policy("staff"), table.Cases("scout")
		if len(table.Tools()) != len(routes) {
			t.Fatal("a route has no tool")
		}
	})
}
