package forward

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// Headers that tell the API, and the client, what a request stands for.
const (
	FencingHeader = "Portcullis-Fencing-Token" // decimal; an API should refuse one lower than it has seen
	IntentHeader  = "Portcullis-Intent"        // SHA-256 of the intent, in hexadecimal
)

// maxAnswer bounds an API's answer, in bytes.
const maxAnswer = 16 << 20

// upstream is the API.
type upstream struct {
	url        *url.URL
	base       string // its path, without a slash at the end
	credential string
	transport  http.RoundTripper
}

func newUpstream(text, credential string) (upstream, error) {
	u, err := checkURL(text)
	if err != nil {
		return upstream{}, err
	}
	return upstream{url: u, base: strings.TrimSuffix(u.EscapedPath(), "/"), credential: credential, transport: newTransport()}, nil
}

// newTransport makes a transport that sends a request once. Used bare, it follows no
// redirect and keeps no cookie. It sends again what failed on a connection that was
// used before, or over HTTP/2 what a server did not accept: so each request has a
// connection of its own, of HTTP/1.1. Proxies of the environment are ignored.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: headerWithin}).DialContext, TLSHandshakeTimeout: headerWithin,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader, Protocols: protocols,
	}
}

// send makes the one request that a call stands for and reads the whole answer. An
// error that wraps executor.ErrIndeterminate says that the API may have got it.
func (u upstream) send(ctx context.Context, call mapping.Call, a executor.Action) (*answer, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	r, err := u.request(httptrace.WithClientTrace(ctx, trace), call, a)
	if err != nil {
		return nil, err
	}
	response, err := u.transport.RoundTrip(r)
	switch {
	case err != nil && connected.Load():
		return nil, fmt.Errorf("%w: the request may have reached the API, and no answer came: %w", executor.ErrIndeterminate, because(ctx, err))
	case err != nil:
		return nil, fmt.Errorf("forward: the API cannot be reached; nothing was sent: %w", because(ctx, err))
	}
	defer response.Body.Close()
	return readAnswer(ctx, response)
}

// request has exactly what was decided on, and what the proxy says for itself.
func (u upstream) request(ctx context.Context, call mapping.Call, a executor.Action) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if len(call.Body) > 0 {
		body = bytes.NewReader(call.Body)
	}
	// The target goes as it was written: a path that is parsed and written again may
	// be another.
	target := &url.URL{Scheme: u.url.Scheme, Host: u.url.Host, Opaque: u.base + call.Target}
	r, err := http.NewRequestWithContext(ctx, call.Method, u.url.String(), body)
	if err != nil {
		return nil, fmt.Errorf("forward: no request can be made of it: %w", err)
	}
	r.URL, r.GetBody = target, nil
	r.Header = call.Header.Clone()
	r.Header.Set(FencingHeader, strconv.FormatUint(a.Token, 10))
	r.Header.Set(IntentHeader, a.Digest.String())
	r.Header.Set("User-Agent", "") // leaves out the library's own
	if u.credential != "" {
		r.Header.Set("Authorization", u.credential)
	}
	if call.TraceParent != "" {
		r.Header.Set("Traceparent", call.TraceParent)
	}
	if call.TraceState != "" {
		r.Header.Set("Tracestate", call.TraceState)
	}
	return r, nil
}

func readAnswer(ctx context.Context, response *http.Response) (*answer, error) {
	if response.StatusCode < http.StatusOK {
		return nil, fmt.Errorf("%w: the API answered %d, and no answer after it", executor.ErrIndeterminate, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%w: the API answered %d, and its answer broke off: %w", executor.ErrIndeterminate, response.StatusCode, because(ctx, err))
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: the API answered %d, with more than %d bytes; ask it for less", executor.ErrIndeterminate, response.StatusCode, maxAnswer)
	}
	return &answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

// because adds the cause of a context's end, which the standard library leaves out.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}
