package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// template is a route's path: whole segments that are literal or a parameter.
type template []segment

type segment struct{ literal, parameter string } // one of the two is ""

var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

// parseTemplate reads /accounts/{account}. A parameter is a whole segment: what is
// only a part of one, servers cut out in different ways.
func parseTemplate(path string) (template, error) {
	if path == "/" {
		return template{}, nil
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, fmt.Errorf("path %q does not begin with a slash", path)
	}
	var t template
	seen := map[string]bool{}
	for part := range strings.SplitSeq(rest, "/") {
		s, err := parseSegment(part)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		if s.parameter != "" && seen[s.parameter] {
			return nil, fmt.Errorf("path %q has the parameter %s twice", path, s.parameter)
		}
		seen[s.parameter] = true
		t = append(t, s)
	}
	return t, nil
}

func parseSegment(part string) (segment, error) {
	if name, ok := strings.CutPrefix(part, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		if !ok || !parameterName.MatchString(name) {
			return segment{}, fmt.Errorf("%q is no parameter; a whole segment is one, as in /{name}/", part)
		}
		return segment{parameter: name}, nil
	}
	literal, err := decodeSegment(part)
	return segment{literal: literal}, err
}

// match takes the parameters out of a path's decoded segments.
func (t template) match(path []string) (parameters map[string]string, ok bool) {
	if len(path) != len(t) {
		return nil, false
	}
	parameters = map[string]string{}
	for i, s := range t {
		switch {
		case s.parameter != "":
			parameters[s.parameter] = path[i]
		case s.literal != path[i]:
			return nil, false
		}
	}
	return parameters, true
}

// before orders two templates that have paths in common: the one with a literal
// where the other has a parameter comes first. Definite is false if each has one, or
// neither: then a server could take a path for either.
func (t template) before(u template) (first, definite bool) {
	var mine, other bool
	for i := range t {
		switch {
		case t[i].parameter == "" && u[i].parameter != "":
			mine = true
		case t[i].parameter != "" && u[i].parameter == "":
			other = true
		}
	}
	return mine, mine != other
}

// meets reports whether a path exists that both match.
func (t template) meets(u template) bool {
	if len(t) != len(u) {
		return false
	}
	for i := range t {
		if t[i].parameter == "" && u[i].parameter == "" && t[i].literal != u[i].literal {
			return false
		}
	}
	return true
}

func (t template) has(parameter string) bool {
	return slices.ContainsFunc(t, func(s segment) bool { return parameter != "" && s.parameter == parameter })
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// fill writes a resource: text with {parameter} of the path.
func fill(text string, parameters map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(s string) string { return parameters[s[1:len(s)-1]] })
}

// checkResource demands that a resource's text names parameters of the path alone,
// and that two different paths give two different resources as far as they are named.
func (t template) checkResource(text string) error {
	for _, at := range placeholder.FindAllString(text, -1) {
		if !t.has(at[1 : len(at)-1]) {
			return fmt.Errorf("resource %q: the path has no parameter %s", text, at)
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}") {
		return fmt.Errorf("resource %q has a brace that is no parameter's", text)
	}
	if strings.Contains(text, "}{") {
		return fmt.Errorf("resource %q: put a sign between two parameters, so that no two paths give one resource", text)
	}
	return nil
}
