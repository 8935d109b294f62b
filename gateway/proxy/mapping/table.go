package mapping

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Table is the routes of one API. It does not change; make one with New. The zero
// Table has no route and refuses everything.
type Table struct {
	name   string
	routes []*route // of two that match a path, the more definite one first
}

// route is a Route, checked.
type route struct {
	Route
	template   template
	tool       string
	definition trust.Digest
	headers    []string // that are forwarded, in canonical spelling, sorted
}

// New checks routes. Name is what the release calls the API: an operation's tool is
// NAME-OPERATION there. Two routes of one method that share paths are refused unless
// one of them is the more definite everywhere.
func New(name string, routes []Route) (*Table, error) {
	if len(routes) == 0 {
		return nil, errors.New("mapping: there is no route; everything would be refused")
	}
	t := &Table{name: name}
	tools := map[string]bool{}
	for _, r := range routes {
		one, err := compile(name, r)
		if err != nil {
			return nil, fmt.Errorf("mapping: route %s %s: %w", r.Method, r.Path, err)
		}
		if tools[one.tool] {
			return nil, fmt.Errorf("mapping: the operation %s stands twice", r.Operation)
		}
		tools[one.tool] = true
		if err := t.add(one); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func compile(name string, r Route) (*route, error) {
	if r.ResourceType == "" {
		r.ResourceType = "Endpoint"
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	template, err := parseTemplate(r.Path)
	if err != nil {
		return nil, err
	}
	out := &route{Route: r, template: template, tool: name + "-" + r.Operation}
	if err := schemas.CheckName(out.tool); err != nil {
		return nil, fmt.Errorf("the tool's name: %w", err)
	}
	if err := template.checkResource(r.Resource); err != nil {
		return nil, err
	}
	if err := out.checkParameters(); err != nil {
		return nil, err
	}
	out.headers = r.allHeaders()
	out.definition, err = r.definition()
	return out, err
}

// checkParameters demands that path and arguments speak of the same parameters, and
// that policies see each of them.
func (r *route) checkParameters() error {
	seen := map[string]bool{}
	for _, a := range r.Arguments {
		if a.In != InPath {
			continue
		}
		seen[a.source()] = true
		if !r.template.has(a.source()) {
			return fmt.Errorf("argument %q: the path has no parameter {%s}", a.Name, a.source())
		}
	}
	for _, s := range r.template {
		if s.parameter != "" && r.Resource != "" && !seen[s.parameter] && !strings.Contains(r.Resource, "{"+s.parameter+"}") {
			return fmt.Errorf("no policy would see {%s}: name it in the resource or as an argument", s.parameter)
		}
	}
	return nil
}

func (r Route) allHeaders() []string {
	names := slices.Clone(usual)
	for _, name := range r.Headers {
		names = append(names, http.CanonicalHeaderKey(name))
	}
	for _, a := range r.Arguments {
		if a.In == InHeader {
			names = append(names, http.CanonicalHeaderKey(a.source()))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// add keeps the routes in an order in which the first that matches is the one.
func (t *Table) add(r *route) error {
	at := len(t.routes)
	for i, other := range t.routes {
		if r.Method != other.Method || !r.template.meets(other.template) {
			continue
		}
		first, definite := r.template.before(other.template)
		if !definite {
			return fmt.Errorf("mapping: a path can be both %s and %s of %s; servers would differ about which it is", other.Path, r.Path, r.Method)
		}
		if first {
			at = min(at, i)
		}
	}
	t.routes = slices.Insert(t.routes, at, r)
	return nil
}

// match finds the route of a request, with the parameters of its path.
func (t *Table) match(method string, path []string) (*route, map[string]string, error) {
	var others []string
	for _, r := range t.routes {
		parameters, ok := r.template.match(path)
		switch {
		case ok && r.Method == method:
			return r, parameters, nil
		case ok && !slices.Contains(others, r.Method):
			others = append(others, r.Method)
		}
	}
	if len(others) == 0 {
		return nil, nil, fault(http.StatusNotFound, "no route has this path; what no route describes is not forwarded")
	}
	slices.Sort(others)
	f := fault(http.StatusMethodNotAllowed, "no route has this path with this method")
	f.Allow = strings.Join(others, ", ")
	return nil, nil, f
}

// Name is what the release calls the API.
func (t *Table) Name() string { return t.name }

// Digest names all routes, for heartbeats.
func (t *Table) Digest() trust.Digest {
	digests := make([]string, len(t.routes))
	for i, r := range t.routes {
		digests[i] = r.definition.String()
	}
	slices.Sort(digests)
	return trust.DigestOf([]byte(strings.Join(digests, "\n")))
}
