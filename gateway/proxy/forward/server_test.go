package forward_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
)

func itoa(n int) string { return strconv.Itoa(n) }

const order = `{"amount":7,"to":"bob"}`

// TestOnlyWhatWasDecidedIsForwarded: an allowed request reaches the API once, as it
// was judged, with nothing else that the client wrote; its answer comes back whole.
func TestOnlyWhatWasDecidedIsForwarded(t *testing.T) {
	g := open(t, func(c *forward.Config) { c.Credential = "Bearer of-the-bank" })
	got := g.raw(message("POST /accounts/acme/payments?dry_run=true HTTP/1.1", order,
		"Content-Type: application/json", "X-Tenant: t1", "X-Note: hi", "X-Other: no", "Cookie: c=1", "User-Agent: me",
		"Authorization: Bearer of-the-client", "X-Forwarded-For: 10.0.0.1", "Portcullis-Intent: forged", "Accept-Encoding: gzip", "Connection: keep-alive"))
	if got.status != http.StatusCreated || got.body != `{"paid":true}` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got.header.Get("Portcullis-Outcome") != "EXECUTED" || got.header.Get("Portcullis-Outcome-At") == "" || got.header.Get("X-End") != "1" || got.header.Get("X-Hop") != "" {
		t.Errorf("headers of the answer: %v", got.header)
	}
	requests := g.api.got()
	if len(requests) != 1 {
		t.Fatalf("the API got %d requests", len(requests))
	}
	head, body, _ := strings.Cut(requests[0], "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if lines[0] != "POST /v1/accounts/acme/payments?dry_run=true HTTP/1.1" || body != order {
		t.Errorf("the API got %q with %q", lines[0], body)
	}
	var names []string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		names = append(names, name)
		if name == "Authorization" && value != "Bearer of-the-bank" || name == "Portcullis-Intent" && value == "forged" {
			t.Errorf("the API got %q", line)
		}
	}
	slices.Sort(names)
	want := []string{"Authorization", "Connection", "Content-Length", "Content-Type", "Host", "Portcullis-Fencing-Token", "Portcullis-Intent", "X-Note", "X-Tenant"}
	if !slices.Equal(names, want) {
		t.Errorf("the API got the headers %v", names)
	}
}

// TestDenied: what policy does not permit is not forwarded, and the client learns why.
func TestDenied(t *testing.T) {
	g := open(t, nil)
	for name, ask := range map[string]string{
		"too much":                    payment(`{"amount":101,"to":"bob"}`),
		"no policy":                   message("DELETE /accounts/acme HTTP/1.1", ""),
		"negative":                    payment(`{"amount":-1,"to":"bob"}`),
		"a number that is no integer": payment(`{"amount":1e1,"to":"bob"}`),
		"null":                        payment(`{"amount":null,"to":"bob"}`),
	} {
		t.Run(name, func(t *testing.T) {
			got := g.raw(ask)
			p := got.problem
			if got.status != http.StatusForbidden || p.Verdict != "DENY" || len(p.Reasons) == 0 || p.Intent == "" || p.DecidedAt == "" || p.Sent {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	if got := g.api.got(); len(got) != 0 {
		t.Errorf("the API got %q", got)
	}
	if got := g.raw(message("GET /accounts/acme HTTP/1.1", "")); got.status != http.StatusCreated {
		t.Errorf("what is permitted, after that: %d %s", got.status, got.body)
	}
}
