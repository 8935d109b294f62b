package mapping_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

func tableOf(t testing.TB, text string) *mapping.Table {
	t.Helper()
	routes, err := mapping.Parse([]byte(text))
	must(t, err)
	table, err := mapping.New("bank", routes)
	must(t, err)
	return table
}

func checkFault(t testing.TB, err error) {
	t.Helper()
	var f *mapping.Fault
	if !errors.As(err, &f) || f.Status < 400 || f.Status > 499 || f.Text == "" || (f.Status == http.StatusMethodNotAllowed) != (f.Allow != "") {
		t.Fatalf("%v is no fault that can be told", err)
	}
}

// request is what a test asks.
type request struct {
	method, target, body string
	header               http.Header
}

func (r request) read(table *mapping.Table) (mapping.Call, error) {
	h := http.Header{}
	if r.body != "" {
		h.Set("Content-Type", "application/json")
	}
	maps.Copy(h, r.header)
	return table.Read(mapping.Message{Method: r.method, Target: r.target, Header: h, Body: []byte(r.body)})
}

func pay(target, body string) request {
	return request{method: http.MethodPost, target: "/accounts/acme/payments" + target, body: body}
}

func get(target string) request { return request{method: http.MethodGet, target: target} }

func TestRead(t *testing.T) {
	table := tableOf(t, bank)
	for name, test := range map[string]struct {
		request                   request
		tool, resource, arguments string // without RequestArgument
	}{
		"body":             {pay("", `{"amount":7}`), "bank-pay", "acct:acme", `{"amount":7,`},
		"decimal":          {pay("", `{"amount":7,"rate":1.50}`), "bank-pay", "acct:acme", `{"amount":7,"rate":"1.50",`},
		"decimal as text":  {pay("", `{"amount":7,"rate":"1.50"}`), "bank-pay", "acct:acme", `{"amount":7,"rate":"1.50",`},
		"types are judged": {pay("", `{"amount":"7"}`), "bank-pay", "acct:acme", `{"amount":"7",`},
		"signs":            {pay("", `{"amount":7,"city":"<&>é"}`), "bank-pay", "acct:acme", `{"amount":7,"city":"<&>é",`},
		"query":            {pay("?dry_run=true&page=-3", `{"amount":7}`), "bank-pay", "acct:acme", `{"amount":7,"dry_run":true,"page":-3,`},
		"set":              {pay("?tag=a&tag=b%26c", `{"amount":7}`), "bank-pay", "acct:acme", `{"amount":7,`},
		"percent":          {pay("?tag=100%25", `{"amount":7}`), "bank-pay", "acct:acme", `{"amount":7,`},
		"path":             {get("/accounts/acme"), "bank-show", "/accounts/acme", `{`},
		"encoded":          {get("/accounts/a%20b%C3%A9"), "bank-show", "/accounts/a bé", `{`},
		"definite first":   {get("/accounts/mine"), "bank-mine", "/accounts/mine", `{`},
		"nested":           {request{method: "POST", target: "/deep", body: `{"order":{"n":1},"x":2}`}, "bank-deep", "/deep", `{"n":1,`},
		"nested, missing":  {request{method: "POST", target: "/deep", body: `{"x":2}`}, "bank-deep", "/deep", `{`},
		"opaque":           {request{method: "PUT", target: "/files/a", body: "\xff"}, "bank-upload", "/files/a", `{`},
	} {
		t.Run(name, func(t *testing.T) {
			call, err := test.request.read(table)
			must(t, err)
			sum := `"request_sha256":"` + call.Sum().String() + `"`
			if call.Tool != test.tool || call.Resource != test.resource || !strings.HasPrefix(string(call.Arguments), test.arguments) || !strings.Contains(string(call.Arguments), sum) {
				t.Errorf("%s %q %s", call.Tool, call.Resource, call.Arguments)
			}
		})
	}
}

// TestRefused: what could be read in two ways is no call.
func TestRefused(t *testing.T) {
	table := tableOf(t, bank)
	with := func(name string, values ...string) request {
		r := pay("", `{"amount":7}`)
		r.header = http.Header{name: values}
		return r
	}
	for name, test := range map[string]struct {
		request request
		status  int
	}{
		"no route":                   {get("/"), 404},
		"below a route":              {get("/accounts/acme/payments/1"), 404},
		"another method":             {request{method: "DELETE", target: "/accounts/acme"}, 405},
		"a method in lower case":     {request{method: "get", target: "/accounts/acme"}, 405},
		"HEAD is not GET":            {request{method: "HEAD", target: "/accounts/acme"}, 405},
		"CONNECT":                    {request{method: "CONNECT", target: "localhost:1"}, 400},
		"OPTIONS of all":             {request{method: "OPTIONS", target: "*"}, 400},
		"another server":             {get("http://other/accounts/acme"), 400},
		"dot segment":                {get("/accounts/./acme"), 400},
		"dot dot":                    {get("/accounts/x/../acme"), 400},
		"dot dot, encoded":           {get("/accounts/%2e%2e"), 400},
		"dot dot, half encoded":      {get("/accounts/.%2E"), 400},
		"three dots":                 {get("/accounts/..."), 400},
		"trailing dot":               {get("/accounts/acme."), 400},
		"encoded slash":              {get("/accounts/a%2Fb"), 400},
		"encoded backslash":          {get("/accounts/a%5Cb"), 400},
		"backslash":                  {get(`/accounts/a\b`), 400},
		"encoded twice":              {get("/accounts/a%252Fb"), 400},
		"encoded without need":       {get("/accounts/%61cme"), 400},
		"lower-case encoding":        {get("/accounts/a%c3%a9"), 400},
		"half an encoding":           {get("/accounts/a%2"), 400},
		"no encoding":                {get("/accounts/a%zz"), 400},
		"not UTF-8":                  {get("/accounts/%FF"), 400},
		"overlong":                   {get("/accounts/%C0%AF"), 400},
		"zero byte":                  {get("/accounts/a%00"), 400},
		"line break":                 {get("/accounts/a%0D%0Ab"), 400},
		"two slashes":                {get("/accounts//acme"), 400},
		"slash at the end":           {get("/accounts/acme/"), 400},
		"matrix parameter":           {get("/accounts/acme;x=1"), 400},
		"encoded matrix parameter":   {get("/accounts/acme%3Bx=1"), 400},
		"fragment":                   {get("/accounts/acme#x"), 400},
		"encoded fragment":           {get("/accounts/acme%23"), 400},
		"encoded question mark":      {get("/accounts/acme%3F"), 400},
		"raw UTF-8":                  {get("/accounts/é"), 400},
		"long path":                  {get("/accounts/" + strings.Repeat("a", 2048)), 414},
		"empty query":                {get("/accounts/acme?"), 400},
		"unknown parameter":          {get("/accounts/acme?x=1"), 400},
		"parameter twice":            {pay("?page=1&page=2", `{"amount":7}`), 400},
		"parameter twice, encoded":   {pay("?page=1&pa%67e=2", `{"amount":7}`), 400},
		"parameter, no value":        {pay("?page", `{"amount":7}`), 400},
		"parameter, no integer":      {pay("?page=01", `{"amount":7}`), 400},
		"parameter, plus":            {pay("?tag=a+b", `{"amount":7}`), 400},
		"parameter, encoded twice":   {pay("?tag=%2541", `{"amount":7}`), 400},
		"parameter, no bool":         {pay("?dry_run=1", `{"amount":7}`), 400},
		"parameters, semicolon":      {pay("?page=1;dry_run=true", `{"amount":7}`), 400},
		"method in the query":        {pay("?_method=DELETE", `{"amount":7}`), 400},
		"empty parameter":            {pay("?page=1&&dry_run=true", `{"amount":7}`), 400},
		"body missing":               {request{method: "POST", target: "/accounts/acme/payments", header: http.Header{"Content-Type": {"application/json"}}}, 400},
		"body on a GET":              {request{method: "GET", target: "/accounts/acme", body: "{}"}, 400},
		"required member missing":    {pay("", `{}`), 400},
		"unknown member":             {pay("", `{"amount":7,"x":1}`), 400},
		"member twice":               {pay("", `{"amount":7,"amount":700}`), 400},
		"member twice, escaped":      {pay("", `{"amount":7,"am\u006funt":700}`), 400},
		"member in another case":     {pay("", `{"Amount":7}`), 400},
		"both cases":                 {request{method: "POST", target: "/deep", body: `{"order":{"n":1},"Order":{"n":2}}`}, 400},
		"both cases, nested":         {request{method: "POST", target: "/deep", body: `{"order":{"n":1,"N":2}}`}, 400},
		"another spelling":           {request{method: "POST", target: "/deep", body: "{\"order\":{\"n\":1},\"\u24deRDER\":{}, \"orde\u017f\":1, \"OrDer\":{}}"}, 400},
		"nested twice":               {request{method: "POST", target: "/deep", body: `{"order":{"n":1},"x":{"a":1,"a":2}}`}, 400},
		"nested, no object":          {request{method: "POST", target: "/deep", body: `{"order":[]}`}, 400},
		"array":                      {pay("", `[{"amount":7}]`), 400},
		"two values":                 {pay("", `{"amount":7}{"amount":700}`), 400},
		"comment":                    {pay("", `{"amount":7/**/}`), 400},
		"byte order mark":            {pay("", "\xef\xbb\xbf{\"amount\":7}"), 400},
		"UTF-16":                     {pay("", "{\x00}\x00"), 400},
		"invalid UTF-8":              {pay("", "{\"amount\":7,\"city\":\"\xff\"}"), 400},
		"half a pair":                {pay("", `{"amount":7,"city":"\ud800"}`), 400},
		"deep":                       {request{method: "POST", target: "/deep", body: strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)}, 400},
		"too large":                  {pay("", `{"amount":7,"city":"`+strings.Repeat("a", mapping.MaxBody)+`"}`), 413},
		"too large for an intent":    {pay("", `{"amount":7,"city":"`+strings.Repeat("a", 61<<10)+`"}`), 413},
		"another kind":               {with("Content-Type", "text/plain"), 415},
		"a form":                     {with("Content-Type", "application/x-www-form-urlencoded"), 415},
		"another charset":            {with("Content-Type", "application/json; charset=utf-16"), 415},
		"two kinds":                  {with("Content-Type", "application/json", "text/plain"), 400},
		"kind with a strange option": {with("Content-Type", "application/json; boundary=x"), 415},
		"compressed":                 {with("Content-Encoding", "gzip"), 415},
		"method override":            {with("X-Http-Method-Override", "DELETE"), 400},
		"method override, older":     {with("X-Http-Method", "DELETE"), 400},
		"method override, CGI":       {with("X_http_method_OVERRIDE", "DELETE"), 400},
		"path override":              {with("X-Original-Url", "/admin"), 400},
		"path override, other":       {with("X-Rewrite-Url", "/admin"), 400},
		"upgrade":                    {with("Upgrade", "websocket"), 400},
		"connection names a header":  {with("Connection", "close, X-Tenant"), 400},
		"trailers":                   {with("Trailer", "X-Tenant"), 400},
		"header twice":               {with("X-Tenant", "a", "b"), 400},
		"header, strange sign":       {with("X-Tenant", "a\x00"), 400},
		"forwarded header twice":     {with("If-Match", "a", "b"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			call, err := test.request.read(table)
			if err == nil {
				t.Fatalf("it is the call %s %q %s", call.Tool, call.Resource, call.Arguments)
			}
			checkFault(t, err)
			var f *mapping.Fault
			if errors.As(err, &f) && f.Status != test.status {
				t.Errorf("%d %v, want %d", f.Status, err, test.status)
			}
		})
	}
}

// TestSumIsAsDocumented: others can compute it, too.
func TestSumIsAsDocumented(t *testing.T) {
	r := pay("?page=1", `{"amount":7}`)
	r.header = http.Header{"X-Tenant": {"t1"}, "X-Other": {"left out"}}
	call, err := r.read(tableOf(t, bank))
	must(t, err)
	want := trust.DigestOf([]byte("POST /accounts/acme/payments?page=1\ncontent-type: application/json\nx-tenant: t1\n\n" + `{"amount":7}`))
	if call.Sum() != want {
		t.Errorf("%s, want %s", call.Sum(), want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
