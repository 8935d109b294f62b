package mapping

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Message is a request as it came.
type Message struct {
	Method string
	Target string // path and query, as they were written
	Header http.Header
	Body   []byte // all of it
}

// MaxBody bounds a request's body, in bytes.
const MaxBody = 1 << 20

// Call is a request in the terms of a release, and what is to be forwarded if it is
// allowed: Method, Target, Header and Body, and nothing else that its client wrote.
type Call struct {
	Tool       string
	Definition trust.Digest // of the route, which the release pins
	Resource   string
	Arguments  json.RawMessage

	Method string
	Target string
	Header http.Header
	Body   []byte

	TraceParent, TraceState string // W3C Trace Context
}

// maxIntentArguments is what an intent can carry, in bytes.
const maxIntentArguments = 60 << 10

// Read finds out what a request asks for. Errors are *Fault.
func (t *Table) Read(m Message) (Call, error) {
	at, err := parseTarget(m.Target)
	if err != nil {
		return Call{}, err
	}
	r, parameters, err := t.match(m.Method, at.segments)
	if err != nil {
		return Call{}, err
	}
	if err := checkHeaders(m.Header); err != nil {
		return Call{}, err
	}
	call := Call{Tool: r.tool, Definition: r.definition, Method: m.Method, Target: m.Target, Body: m.Body}
	if call.Header, err = r.forwarded(m.Header); err != nil {
		return Call{}, err
	}
	members, err := r.readBody(m, call.Header.Get("Content-Type"))
	if err != nil {
		return Call{}, err
	}
	g := gathering{route: r, parameters: parameters, query: at.query, header: call.Header, members: members}
	if call.Arguments, err = g.arguments(call.Sum()); err != nil {
		return Call{}, err
	}
	if call.Resource, err = r.resource(at.segments, parameters); err != nil {
		return Call{}, err
	}
	call.trace(m.Header)
	return call, nil
}

// readBody checks the body; members are those of a JSON object.
func (r *route) readBody(m Message, kind string) (members map[string]json.RawMessage, err error) {
	switch {
	case len(m.Body) > MaxBody:
		return nil, fault(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", MaxBody)
	case r.Body == BodyNone && len(m.Body) > 0:
		return nil, fault(http.StatusBadRequest, "this operation has no body")
	case r.Body != BodyJSON:
		return nil, nil
	case !isJSON(kind):
		return nil, fault(http.StatusUnsupportedMediaType, "a body is application/json, in UTF-8")
	}
	members, err = jsonrpc.Object(m.Body)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "the body: %s", strings.TrimPrefix(err.Error(), "jsonrpc: "))
	}
	return members, nil
}

func isJSON(kind string) bool {
	kind, parameters, err := mime.ParseMediaType(kind)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, said := parameters["charset"]
	return len(parameters) == 0 || len(parameters) == 1 && said && strings.EqualFold(charset, "utf-8")
}

const maxResource = 2048 // bytes, of an intent

// resource is what the call acts upon, as policies see it.
func (r *route) resource(path []string, parameters map[string]string) (string, error) {
	text := "/" + strings.Join(path, "/")
	if r.Resource != "" {
		text = fill(r.Resource, parameters)
	}
	if len(text) > maxResource {
		return "", fault(http.StatusRequestURITooLong, "the resource has more than %d bytes", maxResource)
	}
	return text, nil
}

// Sum is the SHA-256 of what is to be forwarded, written as
//
//	METHOD SP TARGET LF
//	(name ": " value LF)*, names in lower case and in the order of their bytes
//	LF
//	BODY
func (c Call) Sum() trust.Digest {
	sum := sha256.New()
	_, _ = io.WriteString(sum, c.Method+" "+c.Target+"\n") // a hash takes everything
	for _, name := range sortedNames(c.Header) {
		_, _ = io.WriteString(sum, strings.ToLower(name)+": "+c.Header.Get(name)+"\n")
	}
	_, _ = io.WriteString(sum, "\n")
	_, _ = sum.Write(c.Body)
	return trust.Digest(sum.Sum(nil))
}

var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

const maxTraceState = 512

// trace takes the trace context; one that is none is left out, as its specification
// says.
func (c *Call) trace(h http.Header) {
	if parent := h.Get("Traceparent"); traceParent.MatchString(parent) {
		c.TraceParent = parent
		if state := h.Get("Tracestate"); len(state) <= maxTraceState && isASCII(state) {
			c.TraceState = state
		}
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
