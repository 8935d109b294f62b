package files

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// maxArguments bounds the JSON text, in bytes.
const maxArguments = 64 << 10

// mode says what a write does with a file that exists.
type mode string

const (
	create  mode = "create"  // fail if it exists
	replace mode = "replace" // the default
	extend  mode = "append"
)

// readArguments is {"path": string}. A pointer tells a missing member from an
// empty one.
type readArguments struct {
	Path *string `json:"path"`
}

// writeArguments is {"path": string, "content": string, "mode"?: mode}.
type writeArguments struct {
	Path    *string `json:"path"`
	Content *string `json:"content"`
	Mode    *mode   `json:"mode"`
}

// decode reads a JSON object strictly: names match in case, none is unknown,
// none stands twice, and every string is UTF-8. Two readers of such a text
// cannot disagree about it.
func decode(arguments []byte, into any, want string) error {
	if len(arguments) > maxArguments {
		return refusef("the arguments have %d bytes; at most %d", len(arguments), maxArguments)
	}
	if err := json.Unmarshal(arguments, into, json.RejectUnknownMembers(true)); err != nil {
		return refusef("the arguments are not %s: %w", want, err)
	}
	return nil
}

// target checks the path of an intent against its resource.
func target(resource string, path *string) ([]string, error) {
	if path == nil {
		return nil, refusef("the arguments have no path; add \"path\"")
	}
	if *path != resource {
		return nil, refusef("the path %q is not the intent's resource %q; make them equal, for policy judged the resource", *path, resource)
	}
	return split(*path)
}

// writing is a checked write.
type writing struct {
	path     string
	segments []string
	content  []byte
	mode     mode
	token    uint64
}

func (f *Files) writing(resource string, arguments []byte, token uint64) (writing, error) {
	var args writeArguments
	if err := decode(arguments, &args, `{"path", "content", "mode"?}`); err != nil {
		return writing{}, err
	}
	segments, err := target(resource, args.Path)
	if err != nil {
		return writing{}, err
	}
	how := replace
	if args.Mode != nil {
		how = *args.Mode
	}
	switch {
	case how != create && how != replace && how != extend:
		return writing{}, refusef("the mode %.40q is unknown; use %q, %q or %q", how, create, replace, extend)
	case args.Content == nil:
		return writing{}, refusef("the arguments have no content; add \"content\", which may be empty")
	case len(*args.Content) > f.limits.Write:
		return writing{}, refusef("the content has %d bytes; at most %d in one write", len(*args.Content), f.limits.Write)
	case !utf8.ValidString(*args.Content):
		return writing{}, refusef("the content is not UTF-8")
	case token == 0:
		return writing{}, refusef("no fencing token; a write needs the position of its claim")
	}
	return writing{path: resource, segments: segments, content: []byte(*args.Content), mode: how, token: token}, nil
}
