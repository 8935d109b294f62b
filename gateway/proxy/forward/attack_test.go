package forward_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
)

// TestNothingDoubtfulIsProposed: requests that two programs could read in two ways
// are refused before anything is on the ledger, and the API never hears of them.
func TestNothingDoubtfulIsProposed(t *testing.T) {
	g := open(t, func(c *forward.Config) { c.Hosts, c.Origins = []string{"bank.test"}, []string{"https://console.test"} })
	line := "POST /accounts/acme/payments HTTP/1.1"
	kind := "Content-Type: application/json"
	chunked := "7\r\n" + order[:7] + "\r\n0\r\n\r\n"
	for name, ask := range map[string]string{
		"length and chunks":              message(line, order, kind, "Transfer-Encoding: chunked"),
		"chunks":                         message(line, "", kind, "Transfer-Encoding: chunked") + chunked,
		"chunks, disguised":              message(line, order, kind, "Transfer-Encoding: xchunked"),
		"chunks, twice":                  message(line, "", kind, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + chunked,
		"chunks, space before colon":     message(line, order, kind, "Transfer-Encoding : chunked"),
		"two lengths":                    message(line, order, kind, "Content-Length: 5"),
		"length with sign":               message(line, "", kind, "Content-Length: +5") + order,
		"length list":                    message(line, "", kind, "Content-Length: 22, 5") + order,
		"two hosts":                      message(line, order, kind, "Host: other"),
		"no host":                        line + "\r\n" + kind + "\r\n\r\n",
		"foreign host":                   strings.Replace(payment(order), "Host: localhost", "Host: evil.test", 1),
		"foreign origin":                 payment(order, "Origin: https://evil.test"),
		"own origin and another":         payment(order, "Origin: https://console.test", "Origin: https://evil.test"),
		"no origin at all":               payment(order, "Origin: null"),
		"picture on a foreign page":      message("GET /accounts/acme HTTP/1.1", "", "Sec-Fetch-Site: cross-site"),
		"absolute form":                  strings.Replace(payment(order), "POST /", "POST http://localhost/", 1),
		"authority form":                 message("CONNECT localhost:80 HTTP/1.1", ""),
		"asterisk form":                  message("OPTIONS * HTTP/1.1", ""),
		"trace":                          message("TRACE /accounts/acme HTTP/1.1", ""),
		"websocket":                      message("GET /accounts/acme HTTP/1.1", "", "Connection: Upgrade", "Upgrade: websocket"),
		"another HTTP":                   message("GET /accounts/acme HTTP/1.1", "", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
		"method override":                payment(order, "X-HTTP-Method-Override: DELETE"),
		"connection takes away":          payment(order, "X-Tenant: t", "Connection: X-Tenant"),
		"tenant twice":                   payment(order, "X-Tenant: a", "X-Tenant: b"),
		"tenant folded over two lines":   payment(order, "X-Tenant: a", "\tb: c\x01"),
		"encoded slash":                  message("GET /accounts/a%2fb HTTP/1.1", ""),
		"dot dot":                        message("GET /accounts/../accounts/acme HTTP/1.1", ""),
		"encoded twice":                  message("GET /accounts/%252e%252e HTTP/1.1", ""),
		"fragment":                       message("GET /accounts/acme#x HTTP/1.1", ""),
		"space in the path":              message("GET /accounts/ac me HTTP/1.1", ""),
		"names twice":                    payment(`{"amount":7,"to":"bob","amount":700}`),
		"compressed":                     payment(order, "Content-Encoding: gzip"),
		"another charset":                message(line, order, "Content-Type: application/json; charset=utf-16"),
		"larger than is read":            message(line, "", kind, "Content-Length: 99999999"),
		"body of a GET":                  message("GET /accounts/acme HTTP/1.1", "{}"),
		"unknown path":                   message("GET /admin HTTP/1.1", ""),
		"an expectation of another kind": payment(order, "Expect: 200-ok"),
		"a header too large":             payment(order, "X-Big: "+strings.Repeat("a", 80<<10)),
		"no HTTP":                        "hello\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got := g.raw(ask); got.status < 400 || got.status > 501 || got.problem.Intent != "" || got.problem.Verdict != "" {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	if got := g.api.got(); len(got) != 0 {
		t.Fatalf("the API got %q", got)
	}
	if got := g.pay("Origin: https://console.test"); got.status != http.StatusCreated {
		t.Errorf("a page that may call, after that: %d %s", got.status, got.body)
	}
	if got := g.raw(strings.Replace(payment(order), "Host: localhost", "Host: BANK.test:80", 1)); got.status != http.StatusCreated {
		t.Errorf("a host that is named, after that: %d %s", got.status, got.body)
	}
}

// TestWhatFollowsARefusalIsNotRead: bytes behind a refused request may be a part of
// it, and are no request.
func TestWhatFollowsARefusalIsNotRead(t *testing.T) {
	g := open(t, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.addr)
	must(t, err)
	defer conn.Close()
	say(conn, message("POST /accounts/acme/payments HTTP/1.1", "", "Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked")+
		"0\r\n\r\n"+payment(order))
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	must(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	must(t, err)
	must(t, response.Body.Close())
	if response.StatusCode != http.StatusLengthRequired {
		t.Errorf("%s", response.Status)
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 {
		t.Errorf("a second answer: %q", rest)
	} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Error("the connection stayed open")
	}
	if got := g.api.got(); len(got) != 0 {
		t.Errorf("the API got %q", got)
	}
}

// TestToken: without the token nobody is the agent.
func TestToken(t *testing.T) {
	g := open(t, func(c *forward.Config) { c.Token = "a token of some length" })
	for name, lines := range map[string][]string{
		"none":      nil,
		"wrong":     {"Authorization: Bearer a token of some lengthy"},
		"no bearer": {"Authorization: a token of some length"},
		"twice":     {"Authorization: Bearer a token of some length", "Authorization: Bearer a token of some length"},
	} {
		if got := g.pay(lines...); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := g.pay("Authorization: Bearer a token of some length"); got.status != http.StatusCreated {
		t.Errorf("the right one: %d %s", got.status, got.body)
	}
	if got := g.api.got(); len(got) != 1 || strings.Contains(got[0], "Authorization") {
		t.Errorf("the API got %q", got)
	}
}
