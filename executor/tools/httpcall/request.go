package httpcall

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxArguments bounds the JSON text, in bytes.
const maxArguments = 64 << 10

// request is a call that has been admitted.
type request struct {
	method      string
	at          location
	body        string
	contentType string // "" without a body
	transport   *http.Transport
}

// urlArguments is {"url": string, "body"?: string, "content_type"?: string}. A
// pointer tells a missing member from an empty one.
type urlArguments struct {
	URL         *string `json:"url"`
	Body        *string `json:"body"`
	ContentType *string `json:"content_type"`
}

// admit turns an intent into the one request that it stands for, or refuses it.
func (c *Client) admit(name, resource string, arguments []byte) (request, error) {
	if c == nil || c.tools == nil {
		return request{}, refusef("no allow-list; make the client with New")
	}
	t, ok := c.tools[name]
	if !ok {
		return request{}, refusef("the tool %.80q is not on the allow-list; add a rule or an endpoint for it", name)
	}
	if len(arguments) > maxArguments {
		return request{}, refusef("the arguments have %d bytes; at most %d", len(arguments), maxArguments)
	}
	if t.endpoint != nil {
		return t.endpoint.admit(t.method, resource, arguments)
	}
	var args urlArguments
	if err := json.Unmarshal(arguments, &args, json.RejectUnknownMembers(true)); err != nil {
		return request{}, refusef(`the arguments are not {"url", "body"?, "content_type"?}: %w`, err)
	}
	if args.URL == nil {
		return request{}, refusef("the arguments have no url; add \"url\"")
	}
	if *args.URL != resource {
		return request{}, refusef("the url %q is not the intent's resource %q; make them equal, for policy judged the resource", clip(*args.URL, maxURL), resource)
	}
	at, err := parse(resource)
	if err != nil {
		return request{}, refusef("the url %q is not admissible: %w", clip(resource, maxURL), err)
	}
	for _, r := range t.rules {
		if r.admits(at) {
			return args.request(t.method, at, r.transport)
		}
	}
	return request{}, refusef("the tool %q may not %s %s; it may call %s", name, t.method, at, t)
}

// admits reports whether a rule covers a location.
func (r rule) admits(at location) bool {
	return at.scheme == r.scheme && at.host == r.host && below(at.path, r.path) && (at.query == "" || r.query)
}

// String lists a tool's rules for an error.
func (t tool) String() string {
	const most = 5
	var all []string
	for i, r := range t.rules {
		if i == most {
			all = append(all, fmt.Sprintf("%d more", len(t.rules)-most))
			break
		}
		query := "without query"
		if r.query {
			query = "with or without query"
		}
		all = append(all, fmt.Sprintf("%s://%s%s and below, %s", r.scheme, r.host, r.path, query))
	}
	return strings.Join(all, "; ")
}

// request adds the body.
func (a urlArguments) request(method string, at location, transport *http.Transport) (request, error) {
	r := request{method: method, at: at, transport: transport}
	if a.Body == nil {
		if a.ContentType != nil {
			return request{}, refusef("there is a content_type and no body; add \"body\", or leave both out")
		}
		return r, nil
	}
	if !methods[method] {
		return request{}, refusef("a %s has no body; leave \"body\" out", method)
	}
	r.body, r.contentType = *a.Body, "text/plain; charset=utf-8"
	if a.ContentType != nil {
		r.contentType = *a.ContentType
	}
	return r, checkContentType(r.contentType)
}

// checkContentType admits one media type (RFC 9110, section 8.3.1) in printable
// ASCII, so that no second header can hide in it.
func checkContentType(s string) error {
	if len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return refusef("the content_type %.256q is too long or not plain ASCII", s)
	}
	kind, _, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(kind, "/") {
		return refusef("the content_type %q is not a media type like text/plain", s)
	}
	return nil
}

// admit binds arguments to the endpoint. They are sent as the bytes that policy
// judged, having been checked to be one JSON object without repeated names.
func (e *endpoint) admit(method, resource string, arguments []byte) (request, error) {
	if resource == "" {
		return request{}, refusef("the intent has no resource; name what the call acts on")
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(arguments, &members); err != nil || members == nil {
		return request{}, refusef("the arguments are not a JSON object: %w", orNull(err))
	}
	bound := e.raw
	if e.resourceArgument != "" {
		if err := json.Unmarshal(members[e.resourceArgument], &bound); err != nil || members[e.resourceArgument].Kind() != '"' {
			return request{}, refusef("the argument %q, which names the resource, is missing or no string", e.resourceArgument)
		}
	}
	if bound != resource {
		return request{}, refusef("the intent's resource is %q and the call would act on %q; make them equal, for policy judged the resource", resource, clip(bound, maxURL))
	}
	return request{method: method, at: e.at, body: string(arguments), contentType: "application/json", transport: e.transport}, nil
}

func orNull(err error) error {
	if err == nil {
		return errors.New("they are null")
	}
	return err
}
