// Package openapi reads the routes of an HTTP API from an OpenAPI document, 3.0 or
// 3.1 (YAML or JSON), as far as it says what a request looks like: paths, methods,
// parameters, and the members of a body of JSON.
//
// It is strict where the specification is generous, since what policies do not see
// must not pass: a member of a body that is not declared is refused unless
// additionalProperties says that there may be some, and an operation that cannot be
// told in a route's terms is skipped, so that requests for it are refused.
package openapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// Skipped is an operation that became no route.
type Skipped struct {
	Method, Path string
	Why          error
}

// Routes reads a document's operations, in the order of their paths. Type is the
// Cedar type of what they act upon: the path. The operations that cannot be told as
// routes are skipped.
func Routes(data []byte, resourceType string) ([]mapping.Route, []Skipped, error) {
	d, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	var routes []mapping.Route
	var skipped []Skipped
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		item := d.Paths[path]
		if item == nil {
			continue
		}
		for _, m := range item.methods() {
			route, err := d.route(path, m.name, item, m.operation)
			if err == nil {
				route.ResourceType = resourceType
				_, err = mapping.New("x", []mapping.Route{route}) // alone; together they are checked later
			}
			if err != nil {
				skipped = append(skipped, Skipped{Method: m.name, Path: path, Why: err})
				continue
			}
			routes = append(routes, route)
		}
	}
	return routes, skipped, nil
}

type method struct {
	name      string
	operation *operation
}

func (p *pathItem) methods() []method {
	all := []method{
		{http.MethodDelete, p.Delete},
		{http.MethodGet, p.Get},
		{http.MethodHead, p.Head},
		{http.MethodPatch, p.Patch},
		{http.MethodPost, p.Post},
		{http.MethodPut, p.Put},
	}
	return slices.DeleteFunc(all, func(m method) bool { return m.operation == nil })
}

func (d *document) route(path, method string, item *pathItem, o *operation) (mapping.Route, error) {
	if item.Ref != "" {
		return mapping.Route{}, errReference
	}
	r := mapping.Route{Operation: operationName(o.ID, method, path), Method: method, Path: path, Description: about(o)}
	parameters, err := d.parameters(item.Parameters, o.Parameters)
	if err != nil {
		return r, err
	}
	b := builder{document: d, route: &r}
	for _, p := range parameters {
		if err := b.parameter(p); err != nil {
			return r, fmt.Errorf("parameter %q: %w", p.Name, err)
		}
	}
	if o.RequestBody != nil {
		err = b.body(o.RequestBody)
	}
	return r, err
}

// about is an operation's summary and description, cut to what a release can hold
// beside method and path.
func about(o *operation) string {
	const most = 2048
	text := strings.TrimSpace(strings.TrimSpace(o.Summary) + "\n" + strings.TrimSpace(o.Description))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// parameters are those of a path and of an operation, which come before others of the
// same name and place.
func (d *document) parameters(ofPath, ofOperation []*parameter) ([]*parameter, error) {
	var out []*parameter
	for _, list := range [][]*parameter{ofPath, ofOperation} {
		for _, p := range list {
			p, err := d.parameter(p)
			if err != nil {
				return nil, err
			}
			out = slices.DeleteFunc(out, func(q *parameter) bool { return q.Name == p.Name && q.In == p.In })
			out = append(out, p)
		}
	}
	order := []string{"path", "query", "header", "cookie"}
	slices.SortStableFunc(out, func(a, b *parameter) int { return slices.Index(order, a.In) - slices.Index(order, b.In) })
	return out, nil
}

// operationName is an operation's name in a release: createPayment is create-payment;
// without an id it is method and path.
func operationName(id, method, path string) string {
	if id == "" {
		id = method + "-" + path
	}
	var b strings.Builder
	dash := false
	for i, c := range []byte(id) {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && id[i-1] >= 'a' && id[i-1] <= 'z' {
			dash = true
		}
		if upper {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			dash = true
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}
		dash = false
		b.WriteByte(c)
	}
	return b.String()
}

var errCookie = errors.New("it is a cookie, and cookies are not forwarded")
