package httpcall

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// bound has a tool that takes a URL and a body, and one that is bound to a URL.
func bound(f *testing.F) *Client {
	f.Helper()
	c, err := New(Config{
		Rules:     []Rule{{Tool: "send", Method: http.MethodPost, Scheme: "https", Host: "api.example:443", Path: "/api"}},
		Endpoints: map[string]Endpoint{"pay": {URL: "https://bank.example/transfers", ResourceArgument: "to"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// FuzzRequest: a request that is admitted goes where its tool may go, carries the
// body that policy judged, byte for byte, and its type is one line; the argument
// that names the resource is the resource.
func FuzzRequest(f *testing.F) {
	const api, account = "https://api.example/api/x", "acme"
	for _, text := range []string{
		`{"url":"https://api.example/api/x"}`, `{"url":"https://api.example/api/x","body":"hi","content_type":"application/json"}`,
		`{"url":"https://api.example/api/x","body":"hi","content_type":"text/plain\r\nX: y"}`, `{"url":"https://api.example/api/x","url":"https://evil.example/"}`,
		`{"url":"https://evil.example/"}`, `{"url":"https://api.example/api/x","headers":{}}`, `{"URL":"https://api.example/api/x"}`, `null`,
	} {
		f.Add("send", api, []byte(text))
	}
	for _, text := range []string{`{"to":"acme","amount":5}`, `{"to":"acme","to":"eve"}`, `{"to":"eve"}`, `{"to":["acme"]}`, `{"to":"\u0061cme"}`, `{"amount":5}`, `{"to":"acme"} `, `[]`} {
		f.Add("pay", account, []byte(text))
	}
	c := bound(f)
	f.Fuzz(func(t *testing.T, tool, resource string, arguments []byte) {
		r, err := c.admit(tool, resource, arguments)
		if err != nil {
			return
		}
		if strings.ContainsAny(r.contentType, "\r\n") {
			t.Fatalf("a second header hides in %q", r.contentType)
		}
		switch tool {
		case "send":
			if r.at.String() != resource && r.at.host != "api.example:443" || r.at.scheme != "https" {
				t.Fatalf("%q leads to %v", resource, r.at)
			}
		case "pay":
			var members map[string]any
			if err := json.Unmarshal(arguments, &members); err != nil || members["to"] != resource || !bytes.Equal(arguments, []byte(r.body)) || r.at.host != "bank.example:443" {
				t.Fatalf("%q for %q sends %q to %v (%v)", arguments, resource, r.body, r.at, err)
			}
		default:
			t.Fatalf("%q is no tool", tool)
		}
	})
}
