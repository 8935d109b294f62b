package fabric

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/core/policy"
)

// maxSource bounds one file of a release's source, in bytes.
const maxSource = 1 << 20

// reader reads one YAML file strictly and collects everything that is wrong
// with it. YAML is used for its plain parts only: no anchors, no aliases, no
// tags, one document, no key twice.
type reader struct {
	file     string
	found    policy.Problems
	position func(path string, at policy.Position) // may be nil
}

// fault adds a problem at a node.
func (r *reader) fault(n *yaml.Node, code, mend, format string, args ...any) {
	r.found = append(r.found, policy.Finding{
		Code: code, Position: r.at(n), Message: fmt.Sprintf(format, args...), Mend: mend,
	})
}

func (r *reader) at(n *yaml.Node) policy.Position {
	return policy.Position{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

// note remembers where the value at a path of the release stands.
func (r *reader) note(path string, n *yaml.Node) {
	if r.position != nil {
		r.position(path, r.at(n))
	}
}

// document parses a file that holds one mapping.
func (r *reader) document(data []byte) (*yaml.Node, bool) {
	if len(data) > maxSource {
		r.fault(&yaml.Node{}, "yaml.size", fmt.Sprintf("keep it within %d bytes", maxSource), "the file has %d bytes", len(data))
		return nil, false
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		r.syntax(err)
		return nil, false
	}
	if decoder.Decode(&second) == nil {
		r.fault(&second, "yaml.documents", "keep one document in a file", "a second document begins")
		return nil, false
	}
	if len(doc.Content) != 1 {
		r.syntax(io.EOF)
		return nil, false
	}
	before := len(r.found)
	r.plain(&doc)
	return doc.Content[0], len(r.found) == before && r.is(doc.Content[0], yaml.MappingNode)
}

// syntax turns the parser's error, which may begin with a line, into a problem.
func (r *reader) syntax(err error) {
	at := &yaml.Node{Line: 1}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if _, scanErr := fmt.Sscanf(text, "line %d:", &at.Line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	if errors.Is(err, io.EOF) {
		text = "the file is empty"
	}
	r.fault(at, "yaml.syntax", "write plain YAML", "%s", text)
}

// plain refuses what makes YAML mean something else than it shows.
func (r *reader) plain(n *yaml.Node) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.fault(n, "yaml.anchor", "write the value out", "an anchor or alias")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.fault(n, "yaml.tag", "remove it", "the tag %s", n.Tag)
		return
	}
	for _, c := range n.Content {
		r.plain(c)
	}
}

var kindNames = map[yaml.Kind]string{
	yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value",
}

func (r *reader) is(n *yaml.Node, want yaml.Kind) bool {
	if n.Kind != want || n.Tag == "!!null" {
		got := kindNames[n.Kind]
		if n.Tag == "!!null" {
			got = "nothing"
		}
		r.fault(n, "yaml.kind", "write "+kindNames[want], "%s is wanted here, and %s is given", kindNames[want], got)
		return false
	}
	return true
}

// mapping hands each key of n to its function, in the order of the file, and
// refuses keys that have none or stand twice.
func (r *reader) mapping(n *yaml.Node, known map[string]func(key, value *yaml.Node)) {
	if !r.is(n, yaml.MappingNode) {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			r.fault(key, "yaml.unknown", "write one of "+names(known), "%q is unknown here", key.Value)
		case seen[key.Value]:
			r.fault(key, "yaml.twice", "keep one of them", "%q stands twice", key.Value)
		default:
			seen[key.Value] = true
			read(key, value)
		}
	}
}

func names[V any](known map[string]V) string {
	all := make([]string, 0, len(known))
	for name := range known {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// text reads a string. A value that YAML takes for something else must be quoted.
func (r *reader) text(n *yaml.Node) string {
	if r.is(n, yaml.ScalarNode) && n.ShortTag() != "!!str" {
		r.fault(n, "yaml.text", fmt.Sprintf("quote it: %q", n.Value), "a text is wanted here, and YAML takes %s for %s", n.Value, strings.TrimPrefix(n.ShortTag(), "!!"))
	}
	return n.Value
}

// flag reads true or false.
func (r *reader) flag(n *yaml.Node) bool {
	if r.is(n, yaml.ScalarNode) && (n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false") {
		r.fault(n, "yaml.bool", "write true or false", "%q is neither true nor false", n.Value)
	}
	return n.Value == "true"
}

// err is everything that was found, nil if that is nothing.
func (r *reader) err() error {
	if len(r.found) == 0 {
		return nil
	}
	return r.found
}

// join joins the problems of several files into one Problems; other errors win.
func join(errs ...error) error {
	var all policy.Problems
	for _, err := range errs {
		var found policy.Problems
		switch {
		case err == nil:
		case errors.As(err, &found):
			all = append(all, found...)
		default:
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
