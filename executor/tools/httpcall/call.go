package httpcall

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Headers that tell the server what it acts for.
const (
	FencingHeader = "Portcullis-Fencing-Token" // decimal; a server should refuse one lower than it has seen
	IntentHeader  = "Portcullis-Intent"        // SHA-256 of the intent, in hexadecimal
)

// result is what the tool answers; see [Client.Call].
type result struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	Base64      bool   `json:"base64,omitzero"`
}

// Call makes the one request that an intent stands for and returns the answer:
//
//	{"status": number, "content_type": string, "body": string, "base64"?: true}
//
// where base64 marks a body that is not UTF-8. name is the intent's tool, token
// its fencing token (not zero), digest its SHA-256 in hexadecimal. The context
// ends the call and is the only limit on its duration.
//
// See the package's documentation for what each error means.
func (c *Client) Call(ctx context.Context, name, resource string, arguments []byte, token uint64, digest string) ([]byte, error) {
	r, err := c.admit(name, resource, arguments)
	if err != nil {
		return nil, err
	}
	if token == 0 || !isDigest(digest) {
		return nil, refusef("the fencing token is %d and the intent digest %.80q; a call needs the position of its claim and a SHA-256 in lower-case hexadecimal", token, digest)
	}
	var connected atomic.Bool // once it is, the request may have been sent
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	message, err := r.message(httptrace.WithClientTrace(ctx, trace), token, digest)
	if err != nil {
		return nil, err
	}
	response, err := r.transport.RoundTrip(message)
	switch {
	case err != nil && connected.Load():
		return nil, uncertain(ctx, "the request may have been sent, and no answer came", err)
	case err != nil:
		return nil, fmt.Errorf("httpcall: nothing was sent: %w", because(ctx, err))
	}
	defer response.Body.Close()
	return c.answer(ctx, response)
}

// message is the request with exactly the headers that are due.
func (r request) message(ctx context.Context, token uint64, digest string) (*http.Request, error) {
	var body io.Reader
	if r.contentType != "" {
		body = strings.NewReader(r.body)
	}
	m, err := http.NewRequestWithContext(ctx, r.method, r.at.String(), body)
	if err != nil {
		return nil, refusef("no request can be made of it: %w", err)
	}
	m.Header = http.Header{
		FencingHeader: {strconv.FormatUint(token, 10)},
		IntentHeader:  {digest},
		"User-Agent":  {""}, // leaves out the library's own
	}
	if r.contentType != "" {
		m.Header.Set("Content-Type", r.contentType)
	}
	return m, nil
}

// answer reads a response within the cap.
func (c *Client) answer(ctx context.Context, response *http.Response) ([]byte, error) {
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, failure(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(c.maxResponse)+1))
	if err != nil {
		return nil, uncertain(ctx, fmt.Sprintf("the server answered %d, and its body broke off", response.StatusCode), err)
	}
	if len(body) > c.maxResponse {
		return nil, fmt.Errorf("httpcall: %w: the server answered %d, with more than %d bytes; ask it for less", ErrUncertain, response.StatusCode, c.maxResponse)
	}
	r := result{Status: response.StatusCode, ContentType: plain(response.Header.Get("Content-Type")), Body: string(body)}
	if !utf8.Valid(body) {
		r.Body, r.Base64 = base64.StdEncoding.EncodeToString(body), true
	}
	out, err := json.Marshal(r)
	if err != nil {
		return nil, uncertain(ctx, "the server's answer cannot be told", err)
	}
	return out, nil
}

// failure is an answer other than 2xx.
func failure(response *http.Response) error {
	e := &StatusError{Status: response.StatusCode, Location: clip(response.Header.Get("Location"), maxURL)}
	if e.Status >= 200 { // A switch of protocols has no body but a connection that never ends.
		// Only a quotation: what cannot be read of it is not missed.
		head, _ := io.ReadAll(io.LimitReader(response.Body, maxQuoted))
		e.Body = string(head)
	}
	return e
}

func uncertain(ctx context.Context, what string, err error) error {
	return fmt.Errorf("httpcall: %w: %s; ask the server before you propose it again: %w", ErrUncertain, what, because(ctx, err))
}

// plain makes a header's value fit for JSON: clipped, and ASCII.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, clip(s, 256))
}

// isDigest reports whether s is a SHA-256 in lower-case hexadecimal.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
