package mapping

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// usual are the headers that every route forwards, if a request has them.
var usual = []string{
	"Accept", "Accept-Language", "Content-Type", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "Range",
}

// between are headers that no route may forward: they are between two machines, or
// say what the gateway says itself.
var between = []string{
	"connection", "content-encoding", "content-length", "expect", "forwarded", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
	"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

// overriding headers make some servers take a request for another one than its first
// line says.
var overriding = []string{
	"x-http-method", "x-http-method-override", "x-method-override", "x-original-method", "x-original-url", "x-rewrite-url",
}

// secret headers stay off the ledger: as arguments everybody could read them there.
var secret = []string{"authorization", "cookie", "proxy-authorization"}

func checkForwarded(name string) error {
	low := folded(name)
	if !headerName.MatchString(name) || slices.Contains(between, low) || slices.Contains(overriding, low) || strings.HasPrefix(low, "portcullis-") {
		return fmt.Errorf("the header %q cannot be forwarded", name)
	}
	return nil
}

func checkArgumentHeader(name string) error {
	if slices.Contains(secret, folded(name)) {
		return fmt.Errorf("the header %s is a secret, and arguments stand on the ledger; name it in headers: instead", name)
	}
	return checkForwarded(name)
}

// folded is a header's name as careless servers see it: CGI knows no case, and no
// difference between - and _.
func folded(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// checkHeaders refuses what could make an upstream see another request.
func checkHeaders(h http.Header) error {
	for name, values := range h {
		low := folded(name)
		switch {
		case slices.Contains(overriding, low):
			return fault(http.StatusBadRequest, "the header %s would make it another request; send that one", clip(name))
		case low == "upgrade" || low == "te" && !slices.Equal(values, []string{"trailers"}) || low == "trailer":
			return fault(http.StatusBadRequest, "the header %s is for a way to talk that is not served here", clip(name))
		case low == "connection" && slices.ContainsFunc(values, strange):
			return fault(http.StatusBadRequest, "the header Connection may say close or keep-alive")
		case low == "content-encoding":
			return fault(http.StatusUnsupportedMediaType, "a body is sent as it is, without Content-Encoding")
		}
	}
	return nil
}

// strange reports whether a Connection header names other headers, which would be
// taken away.
func strange(value string) bool {
	for option := range strings.SplitSeq(value, ",") {
		if o := strings.ToLower(strings.TrimSpace(option)); o != "" && o != "close" && o != "keep-alive" {
			return true
		}
	}
	return false
}

// one is a header's only value; ok is false if there is none.
func one(h http.Header, name string) (value string, ok bool, err error) {
	values := h.Values(name)
	switch {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, fault(http.StatusBadRequest, "the header %s stands %d times, and could be read in several ways", name, len(values))
	case strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' || r > '~' }):
		return "", false, fault(http.StatusBadRequest, "the header %s holds what is not printable ASCII", name)
	}
	return values[0], true, nil
}

// forwarded are the headers that a route lets pass.
func (r *route) forwarded(h http.Header) (http.Header, error) {
	out := http.Header{}
	for _, name := range r.headers {
		value, ok, err := one(h, name)
		if err != nil {
			return nil, err
		}
		if ok && (name != "Content-Type" || r.Body != BodyNone) {
			out.Set(name, value)
		}
	}
	return out, nil
}
