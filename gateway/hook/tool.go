package hook

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// tool is a tool of the platform's that is known here.
type tool struct {
	name, release string
	about         string
	resourceType  string
	resource      func(in input) (string, error)
	arguments     []argument
}

// argument is one field of a tool's input, in the release's types.
type argument struct {
	name, kind string
	required   bool
	oneOf      []string
}

// input is a tool's input with what surrounds it.
type input struct {
	dir     string
	members map[string]json.RawMessage
}

func needs(name, kind string) argument { return argument{name: name, kind: kind, required: true} }

func may(name, kind string) argument { return argument{name: name, kind: kind} }

// tools are those of Claude Code whose inputs have names that a release can declare.
// What it adds to them later is an unknown argument to the release, and denied.
var tools = []tool{
	{
		"Bash", "cc-bash", "Runs a command line in a shell.", "Program", program,
		[]argument{needs("command", "string"), may("timeout", "long"), may("description", "string"), may("run_in_background", "bool"), may("dangerouslyDisableSandbox", "bool")},
	},
	{
		"Read", "cc-read", "Reads a file.", "LocalFile", path("file_path"),
		[]argument{needs("file_path", "string"), may("offset", "long"), may("limit", "long"), may("pages", "string"), may("allow_large", "bool")},
	},
	{
		"Write", "cc-write", "Writes a file.", "LocalFile", path("file_path"),
		[]argument{needs("file_path", "string"), needs("content", "string")},
	},
	{
		"Edit", "cc-edit", "Replaces text in a file.", "LocalFile", path("file_path"),
		[]argument{needs("file_path", "string"), needs("old_string", "string"), needs("new_string", "string"), may("replace_all", "bool")},
	},
	{
		"NotebookEdit", "cc-notebook-edit", "Changes a cell of a notebook.", "LocalFile", path("notebook_path"),
		[]argument{
			needs("notebook_path", "string"),
			needs("new_source", "string"),
			may("cell_id", "string"),
			{name: "cell_type", kind: "string", oneOf: []string{"code", "markdown"}},
			{name: "edit_mode", kind: "string", oneOf: []string{"replace", "insert", "delete"}},
		},
	},
	{
		"Glob", "cc-glob", "Lists files by a pattern.", "LocalFile", folder,
		[]argument{needs("pattern", "string"), may("path", "string")},
	},
	{
		"WebFetch", "cc-web-fetch", "Gets a page and has a model read it.", "Url", field("url"),
		[]argument{needs("url", "string"), needs("prompt", "string"), may("offset", "long")},
	},
	{
		"WebSearch", "cc-web-search", "Searches the web.", "Search", field("query"),
		[]argument{needs("query", "string"), may("allowed_domains", "string_set"), may("blocked_domains", "string_set")},
	},
	{
		"Skill", "cc-skill", "Loads a skill.", "Skill", field("skill"),
		[]argument{needs("skill", "string"), may("args", "string")},
	},
	{
		"ToolSearch", "cc-tool-search", "Looks for tools to load.", "Search", field("query"),
		[]argument{needs("query", "string"), may("max_results", "long")},
	},
}

func known(name string) *tool {
	for i := range tools {
		if tools[i].name == name {
			return &tools[i]
		}
	}
	return nil
}

// field makes the resource the text of a member, as it is.
func field(name string) func(input) (string, error) {
	return func(in input) (string, error) {
		text, ok := jsonrpc.Text(in.members[name])
		if !ok || text == "" {
			return "", fmt.Errorf("%w: tool_input has no %s", ErrEvent, name)
		}
		return text, nil
	}
}

// path makes the resource an absolute path. One that turns back is refused: a policy
// about a folder would be asked about what is not in it, and where it ends, with
// symbolic links on the way, only the platform finds out.
func path(name string) func(input) (string, error) {
	return func(in input) (string, error) {
		text, err := field(name)(in)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(text) {
			text = in.dir + "/" + text
		}
		if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == filepath.Separator }), "..") {
			return "", fmt.Errorf("hook: the path %.200q turns back with ..; name the file as it is reached from the root", text)
		}
		return text, nil
	}
}

// folder is where files are looked for: in the platform's own folder, unless the
// input names another.
func folder(in input) (string, error) {
	if _, named := in.members["path"]; !named {
		return in.dir, nil
	}
	return path("path")(in)
}

// script is the resource of a command line that is more than one program with plain
// arguments. No program has such a name.
const script = "(script)"

var plainLine = regexp.MustCompile(`^[A-Za-z0-9_./+-]+( [A-Za-z0-9_./:,@%+=-]+)*$`)

// program is the first word of a command line, if a shell would do nothing with it
// but run that program: no second command, no redirection, no variable, no pattern.
func program(in input) (string, error) {
	line, err := field("command")(in)
	if err != nil {
		return "", err
	}
	if !plainLine.MatchString(line) {
		return script, nil
	}
	first, _, _ := strings.Cut(line, " ")
	return first, nil
}
