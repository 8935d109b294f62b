package hook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// ShellTool is the name in the release of what `portcullis exec` runs.
const ShellTool = "shell"

var shell = tool{
	release: ShellTool, about: "Runs a program by portcullis exec, without a shell.", resourceType: "Program",
	arguments: []argument{needs("command", "string"), needs("args", "string_set"), needs("line", "string"), needs("dir", "string")},
}

// Tools writes entries of a release's tools.yaml: of every tool that is known, of
// ShellTool, and of others that are named as the platform names them.
func Tools(others ...string) (string, error) {
	var b strings.Builder
	for _, t := range append(slices.Clone(tools), shell) {
		if err := t.entry(&b); err != nil {
			return "", err
		}
	}
	for _, name := range others {
		if known(name) != nil || name == "" || len(name) > maxWord {
			return "", fmt.Errorf("hook: %.60q has an entry already, or is no name of a tool", name)
		}
		other := tool{release: ToolName(name), about: "The platform's tool " + name + ".", resourceType: "Tool", arguments: []argument{needs("input", "json")}}
		if err := other.entry(&b); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// Names are the names in the release of what Tools writes.
func Names(others ...string) []string {
	var names []string
	for _, t := range tools {
		names = append(names, t.release)
	}
	names = append(names, ShellTool)
	for _, name := range others {
		names = append(names, ToolName(name))
	}
	return names
}

func (t tool) entry(b *strings.Builder) error {
	about, err := jsonrpc.Encode(t.about) // JSON's texts are YAML's
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  - name: %s\n    resource_type: %s\n    description: %s\n    arguments:\n", t.release, t.resourceType, about)
	for _, a := range t.arguments {
		fmt.Fprintf(b, "      - {name: %s, type: %s", a.name, a.kind)
		if a.required {
			b.WriteString(", required: true")
		}
		if len(a.oneOf) > 0 {
			fmt.Fprintf(b, ", one_of: [%s]", strings.Join(a.oneOf, ", "))
		}
		b.WriteString("}\n")
	}
	return nil
}

// Starter is for whom a first policy is.
type Starter struct {
	Group  string // whose members may work
	Agent  string // one of them, for the cases
	Folder string // absolute: where files may be read and changed
}

// Policy is Cedar for a release's policies folder: to look around and to change files
// in one folder, and to run a few programs that only look.
func (s Starter) Policy() (string, error) {
	folder, err := s.folder()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`@id("cc-files")
@reason("Files of the project may be read and changed.")
permit (
    principal in Group::%[1]s,
    action in [Action::"cc-read", Action::"cc-write", Action::"cc-edit", Action::"cc-notebook-edit"],
    resource is LocalFile
)
when { resource.id like %[2]s };

@id("cc-own-rules")
@reason("The platform's own settings, hooks among them, are not the agent's to change.")
forbid (
    principal,
    action in [Action::"cc-write", Action::"cc-edit", Action::"cc-notebook-edit"],
    resource is LocalFile
)
when { resource.id like "*/.claude/*" || resource.id like "*/.git/*" };

@id("cc-way-out")
@reason("A path that turns back could leave the folder that a policy means.")
forbid (
    principal,
    action in [Action::"cc-read", Action::"cc-write", Action::"cc-edit", Action::"cc-notebook-edit"],
    resource is LocalFile
)
when { resource.id like "*/../*" };

@id("cc-look")
@reason("Programs that only look may be run, as one command in the foreground.")
permit (principal in Group::%[1]s, action == Action::"cc-bash", resource is Program)
when { ["ls", "pwd", "wc", "date"].contains(resource.id) }
unless { context.arguments has run_in_background && context.arguments.run_in_background };

@id("exec-look")
@reason("The same programs by portcullis exec.")
permit (principal in Group::%[1]s, action == Action::"shell", resource is Program)
when { ["/usr/bin/ls", "/usr/bin/pwd", "/usr/bin/wc", "/usr/bin/date"].contains(resource.id) };
`, strconv.Quote(s.Group), strconv.Quote(folder+"/*")), nil
}

// Cases are what must come out of Policy, for a release's tests folder.
func (s Starter) Cases() (string, error) {
	folder, err := s.folder()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("cases:\n")
	one := func(name, tool, resource, arguments, policy string, allow bool) {
		fmt.Fprintf(&b, "  - name: %s\n    agent: %s\n    tool: %s\n    resource: %s\n    arguments: {%s}\n    allow: %t\n", name, s.Agent, tool, strconv.Quote(resource), arguments, allow)
		if policy != "" {
			fmt.Fprintf(&b, "    policies: [%s]\n", policy)
		}
	}
	write := func(name, file, policy string, allow bool) {
		file = folder + "/" + file
		one(name, "cc-write", file, fmt.Sprintf("file_path: %q, content: x", file), policy, allow)
	}
	write("a file of the project is written", "main.go", "cc-files", true)
	write("the platform's settings are not", ".claude/settings.json", "cc-own-rules", false)
	write("a path that turns back", "../other/main.go", "cc-way-out", false)
	one("a file elsewhere is read", "cc-read", "/etc/passwd", `file_path: /etc/passwd`, "", false)
	one("a program that looks", "cc-bash", "ls", `command: ls -l`, "cc-look", true)
	one("the same in the background", "cc-bash", "ls", `command: ls -l, run_in_background: true`, "", false)
	one("a command line of more than one program", "cc-bash", script, `command: "ls; rm x"`, "", false)
	one("a program by exec", "shell", "/usr/bin/ls", `command: /usr/bin/ls, args: ["-l"], line: '["ls","-l"]', dir: /`, "exec-look", true)
	one("another program by exec", "shell", "/usr/bin/rm", `command: /usr/bin/rm, args: ["x"], line: '["rm","x"]', dir: /`, "", false)
	return b.String(), nil
}

// folder refuses what Cedar's or YAML's quoting would have to be trusted with.
func (s Starter) folder() (string, error) {
	folder := strings.TrimRight(s.Folder, "/")
	if !strings.HasPrefix(folder, "/") || strings.ContainsFunc(folder, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\*'{}`, r) }) {
		return "", fmt.Errorf("hook: the folder %q is no absolute path of plain letters; name another with --folder", s.Folder)
	}
	return folder, nil
}
