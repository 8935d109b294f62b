package httpcall

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// guarded has one rule with a path and no query, and one with a query.
func guarded(t testing.TB) *Client {
	t.Helper()
	c, err := New(Config{Rules: []Rule{
		{Tool: "fetch", Method: "GET", Scheme: "https", Host: "api.example:443", Path: "/api"},
		{Tool: "fetch", Method: "GET", Scheme: "http", Host: "search.example:8080", Path: "/q", Query: true},
		{Tool: "fetch", Method: "GET", Scheme: "https", Host: "[2606:4700::1]:443", Path: "/"},
		{Tool: "fetch", Method: "GET", Scheme: "http", Host: "127.0.0.1:80", Path: "/"},
		{Tool: "fetch", Method: "GET", Scheme: "https", Host: "xn--bcher-kva.example:443", Path: "/"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func admitURL(c *Client, raw string) (request, error) {
	members, err := urlObject(raw)
	if err != nil {
		return request{}, err
	}
	return c.admit("fetch", raw, members)
}

// admitted maps a URL to what is sent for it.
var admitted = map[string]string{
	"https://api.example/api":                           "https://api.example/api",
	"https://api.example/api/":                          "https://api.example/api/",
	"https://api.example/api/v1/x.json":                 "https://api.example/api/v1/x.json",
	"https://api.example:443/api":                       "https://api.example/api",
	"HTTPS://API.Example/api/A":                         "https://api.example/api/A",
	"https://api.example/api#/../../admin":              "https://api.example/api",
	"https://api.example/api/a%20b/%C3%A9":              "https://api.example/api/a%20b/%C3%A9",
	"https://api.example/api/(a)!$&'*+,=:@-._~":         "https://api.example/api/(a)!$&'*+,=:@-._~",
	"https://api.example/api/..x/x../...x":              "https://api.example/api/..x/x../...x",
	"http://search.example:8080/q":                      "http://search.example:8080/q",
	"http://search.example:8080/q?":                     "http://search.example:8080/q?",
	"http://search.example:8080/q?a=/../?b&c=%2F%26%25": "http://search.example:8080/q?a=/../?b&c=%2F%26%25",
	"https://[2606:4700::1]/":                           "https://[2606:4700::1]/",
	"https://[2606:4700::1]":                            "https://[2606:4700::1]/",
	"http://127.0.0.1/x":                                "http://127.0.0.1/x",
	"https://xn--bcher-kva.example/":                    "https://xn--bcher-kva.example/",
}

var refusedURLs = []string{
	"", "/", "//api.example/api", "api.example/api", "https:", "https:/api.example/api", "https:api.example/api", "https:///api", "https://", "https://?", "https://#",
	"ftp://api.example/api", "file:///etc/passwd", "javascript:alert(1)", "httpsx://api.example/api", " https://api.example/api", "https://api.example/api ",
	// Other places.
	"http://api.example/api", "https://api.example:8443/api", "https://api.example.evil/api", "https://evil.example/api", "https://api.examples/api",
	"https://evil/https://api.example/api", "https://evil?https://api.example/api", "https://evil#@api.example/api", "https://apixexample/api",
	// Authority tricks.
	"https://api.example@evil/api", "https://me:secret@api.example/api", "https://@api.example/api", "https://evil@api.example/api", "https://api.example:443@evil/api",
	"https://api.example:/api", "https://api.example:0443/api", "https://api.example:+443/api", "https://api.example:99999/api", "https://api.example:0/api", "https://api.example:443:443/api",
	"https://api.example./api", "https://.api.example/api", "https://api..example/api", "https://api.example\\.evil/api", "https://api.example\\@evil/api", "https:\\\\api.example/api",
	"https://api%2eexample/api", "https://%61pi.example/api", "https://api.example%00.evil/api", "https://api.example%2f@evil/api", "https://api.example\t/api", "https://api.example\n.evil/api",
	"https://аpi.example/api", "https://ａpi.example/api", "https://api。example/api", "https://api.example\u200b/api", "https://bücher.example/", "https://api_example/api", "https://-api.example/api",
	"https://[api.example]/api", "https://[::ffff:127.0.0.1]/", "https://[2606:4700:0::1]/", "https://[2606:4700::1%25eth0]/", "https://[2606:4700::1/", "https://2606:4700::1/", "https://[]/", "https://[2606:4700::1]x/",
	"http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://127.0.0.01/", "http://127.0.0.1.evil/",
	// Path confusion.
	"https://api.example", "https://api.example/", "https://api.example/apix", "https://api.example/apix/y", "https://api.example/ap", "https://api.example/API", "https://api.example/Api",
	"https://api.example/api/..", "https://api.example/api/../admin", "https://api.example/api/./x", "https://api.example/./api", "https://api.example/x/../api", "https://api.example/api/.../x",
	"https://api.example/api/%2e%2e/admin", "https://api.example/api/%2E%2E/admin", "https://api.example/api/.%2e/admin", "https://api.example/api%2f..%2fadmin", "https://api.example/api/%2e", "https://api.example/%61pi",
	"https://api.example//api", "https://api.example/api//x", "https://api.example/api//", "https://api.example//evil/api", "https://api.example/api\\..\\admin", "https://api.example/api/%5c..%5cadmin", "https://api.example/api/%5C",
	"https://api.example/api/..;/admin", "https://api.example/api;x=1/..", "https://api.example/api/%3B", "https://api.example/api/%252e%252e/admin", "https://api.example/api/%25", "https://api.example/api/%", "https://api.example/api/%2", "https://api.example/api/%zz", "https://api.example/api/%c3%a9",
	"https://api.example/api/%FF", "https://api.example/api/%00", "https://api.example/api/%0A", "https://api.example/api/%7F", "https://api.example/api/%C0%AE%C0%AE/", "https://api.example/api/é", "https://api.example/api/%2F", "https://api.example/api/[x]",
	// Query smuggling.
	"https://api.example/api?", "https://api.example/api?x=1", "https://api.example/api/?x", "https://api.example/api%3Fx=1", "https://api.example/api%3fx=1", "https://api.example?/api", "https://api.example/api%23?x", "https://api.example/api/?#", "https://api.example/?/api",
	"http://search.example:8080/q?a;b", "http://search.example:8080/q?a=%0A", "http://search.example:8080/q?a=%41", "http://search.example:8080/q?a=%", "http://search.example:8080/q?a=é", "http://search.example:8080/qx?a", "http://search.example:8080/?/q", "http://search.example:8080?/q", "http://search.example:8080/q?a=%FF", "http://search.example:8080/q?a[]=1",
	"https://api.example/api/" + strings.Repeat("a", maxURL),
}

func TestURLs(t *testing.T) {
	c := guarded(t)
	for raw, want := range admitted {
		r, err := admitURL(c, raw)
		if err != nil || r.at.String() != want || r.method != "GET" {
			t.Errorf("%s: sends %q (%v), want %q", raw, r.at, err, want)
		}
	}
	for _, raw := range refusedURLs {
		r, err := admitURL(c, raw)
		if err == nil {
			t.Errorf("%.100q was admitted as %s", raw, r.at)
		}
	}
}

// FuzzURL: whatever is admitted lies, as net/url reads both what was given and
// what is sent, within the allow-list.
func FuzzURL(f *testing.F) {
	for raw := range admitted {
		f.Add(raw)
	}
	for _, raw := range refusedURLs {
		f.Add(raw)
	}
	c := guarded(f)
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := admitURL(c, raw)
		if err != nil {
			return
		}
		for _, text := range []string{raw, r.at.String()} {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatalf("%q cannot be read: %v", text, err)
			}
			if !listed(u) {
				t.Fatalf("%q is not on the list", text)
			}
			if u.EscapedPath() != r.at.path && (u.Path != "" || r.at.path != "/") {
				t.Fatalf("%q: path %q is sent as %q", raw, u.EscapedPath(), r.at.path)
			}
			if strings.ContainsAny(u.Path, "\\;\r\n\x00%?#") || path.Clean(u.Path)+"/" != u.Path+"/" && path.Clean(u.Path)+"/" != u.Path && u.Path != "" {
				t.Fatalf("%q has a path with a second reading", text)
			}
		}
	})
}

// listed states the allow-list of guarded once more, in other words.
func listed(u *url.URL) bool {
	if u.User != nil || u.Opaque != "" {
		return false
	}
	place := u.Scheme + " " + strings.ToLower(u.Hostname()) + " " + u.Port()
	plain := u.RawQuery == "" && !u.ForceQuery
	first, _, _ := strings.Cut(path.Clean("/" + u.Path)[1:], "/")
	switch place {
	case "https api.example ", "https api.example 443":
		return plain && first == "api"
	case "http search.example 8080":
		return first == "q"
	case "https 2606:4700::1 ", "https 2606:4700::1 443", "http 127.0.0.1 ", "http 127.0.0.1 80", "https xn--bcher-kva.example ", "https xn--bcher-kva.example 443":
		return plain
	}
	return false
}
