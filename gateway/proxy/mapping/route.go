package mapping

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Route is one operation of an API. Its JSON is the definition that a release pins:
// who changes a route must have it signed again.
type Route struct {
	Operation    string     `json:"operation" yaml:"operation"` // letters a-z, digits and dashes
	Method       string     `json:"method" yaml:"method"`
	Path         string     `json:"path" yaml:"path"`         // /accounts/{account}/payments
	Resource     string     `json:"resource" yaml:"resource"` // with {parameter} of the path; "" means the path as it was asked for
	ResourceType string     `json:"resource_type" yaml:"resource_type"`
	Description  string     `json:"description" yaml:"description"`
	Arguments    []Argument `json:"arguments" yaml:"arguments"`
	Body         Body       `json:"body" yaml:"body"`
	Others       bool       `json:"others" yaml:"others"`   // the body may have members that no argument names
	Headers      []string   `json:"headers" yaml:"headers"` // forwarded besides the usual ones
}

// Body is what a route's requests carry.
type Body string

// The bodies there are.
const (
	BodyNone   Body = ""       // none
	BodyJSON   Body = "json"   // one JSON object
	BodyOpaque Body = "opaque" // bytes that policies know by the digest only
)

// Argument is one of a tool's arguments: where it stands in a request, and its type
// in the release.
type Argument struct {
	Name      string   `json:"name" yaml:"name"`
	In        Place    `json:"in" yaml:"in"`
	From      string   `json:"from" yaml:"from"` // its name there, if another; in a body it may be a JSON Pointer (RFC 6901)
	Type      string   `json:"type" yaml:"type"`
	Required  bool     `json:"required" yaml:"required"`
	MaxLength uint32   `json:"max_length" yaml:"max_length"`
	Min       *int64   `json:"min" yaml:"min"`
	Max       *int64   `json:"max" yaml:"max"`
	OneOf     []string `json:"one_of" yaml:"one_of"`
}

// Place is a part of a request.
type Place string

// The places of arguments.
const (
	InPath   Place = "path"
	InQuery  Place = "query"
	InHeader Place = "header"
	InBody   Place = "body"
)

// RequestArgument is the argument that every call has besides a route's own:
// [Call.Sum] in hexadecimal.
const RequestArgument = "request_sha256"

// methods that a route may have, and whether their requests carry a body.
var methods = map[string]bool{
	http.MethodGet: false, http.MethodHead: false, http.MethodDelete: false,
	http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
}

var (
	types         = []string{"string", "long", "bool", "string_set", "long_set", "decimal", "json"}
	places        = []Place{InPath, InQuery, InHeader, InBody}
	argumentName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	resourceType  = regexp.MustCompile(`^[A-Z][A-Za-z0-9_]{0,62}$`)
	headerName    = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	maxArguments  = 127 // of a release's 128; one is RequestArgument
	maxEntryWords = 4096
)

// source is the argument's name in its place.
func (a Argument) source() string {
	if a.From != "" {
		return a.From
	}
	return a.Name
}

// definition is the digest that a release pins.
func (r Route) definition() (trust.Digest, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return trust.Digest{}, fmt.Errorf("mapping: route %s: %w", r.Operation, err)
	}
	return trust.DigestOf(text), nil
}

// check refuses a route that could mean two things.
func (r Route) check() error {
	_, known := methods[r.Method]
	switch {
	case schemas.CheckName(r.Operation) != nil:
		return fmt.Errorf("operation %q is no name: letters a-z, digits, and dashes inside", r.Operation)
	case !known:
		return fmt.Errorf("method %q: write GET, HEAD, POST, PUT, PATCH or DELETE", r.Method)
	case r.ResourceType != "" && !resourceType.MatchString(r.ResourceType):
		return fmt.Errorf("resource_type %q is no name of a Cedar type, such as Account", r.ResourceType)
	case !slices.Contains([]Body{BodyNone, BodyJSON, BodyOpaque}, r.Body):
		return fmt.Errorf("body %q: write json or opaque, or leave it out", r.Body)
	case r.Body != BodyNone && !methods[r.Method]:
		return fmt.Errorf("a %s has no body", r.Method)
	case len(r.Description) > maxEntryWords:
		return fmt.Errorf("the description has more than %d bytes", maxEntryWords)
	case len(r.Arguments) > maxArguments:
		return fmt.Errorf("it has %d arguments, more than %d", len(r.Arguments), maxArguments)
	}
	for _, name := range r.Headers {
		if err := checkForwarded(name); err != nil {
			return err
		}
	}
	return r.checkArguments()
}

func (r Route) checkArguments() error {
	names, sources := map[string]bool{}, map[string]bool{}
	for _, a := range r.Arguments {
		if err := a.check(r); err != nil {
			return fmt.Errorf("argument %q: %w", a.Name, err)
		}
		source := string(a.In) + " " + a.source()
		if a.In == InHeader {
			source = strings.ToLower(source)
		}
		if names[a.Name] || sources[source] {
			return fmt.Errorf("argument %q: its name, or its place, stands twice", a.Name)
		}
		names[a.Name], sources[source] = true, true
	}
	return nil
}

func (a Argument) check(r Route) error {
	switch {
	case !argumentName.MatchString(a.Name) || a.Name == RequestArgument:
		return fmt.Errorf("that is no name for it: letters, digits and _, and not %s", RequestArgument)
	case !slices.Contains(places, a.In):
		return fmt.Errorf("in %q: write path, query, header or body", a.In)
	case !slices.Contains(types, a.Type):
		return fmt.Errorf("type %q: write one of %s", a.Type, strings.Join(types, ", "))
	case a.In != InQuery && a.In != InBody && strings.HasSuffix(a.Type, "_set"):
		return fmt.Errorf("a %s has one value, and the type is %s", a.In, a.Type)
	case a.In == InBody && r.Body != BodyJSON:
		return fmt.Errorf("the route has no body of JSON; write body: json")
	case a.In == InBody && strings.Count(a.source(), "/") > 1 && !r.Others:
		return fmt.Errorf("what stands beside %s is seen by no policy; say so with others: true", a.source())
	case a.In == InHeader:
		return checkArgumentHeader(a.source())
	}
	return nil
}
