package shell

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/gateway/local"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Command is a command that was found, as policies are to judge it.
type Command struct {
	Path string   // of the executable, absolute
	Argv []string // as it was typed: Argv[0] is its name
	Dir  string   // where it runs, absolute
}

// The ways in which a command is not found. Nothing is asked for then.
var (
	ErrNotFound      = errors.New("shell: no such command")
	ErrNotExecutable = errors.New("shell: the command cannot be run")
)

// Find looks a command up as a shell would, seen from a folder.
func Find(argv []string, dir string) (Command, error) {
	if len(argv) == 0 || argv[0] == "" {
		return Command{}, fmt.Errorf("%w: none was given; write it after --", ErrNotFound)
	}
	for _, a := range argv {
		if strings.ContainsRune(a, 0) || !utf8.ValidString(a) {
			return Command{}, fmt.Errorf("%w: an argument holds a NUL byte or is not valid UTF-8, and the ledger could not say what it is", ErrNotExecutable)
		}
	}
	path, err := exec.LookPath(argv[0])
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return Command{}, fmt.Errorf("%w: %q", ErrNotFound, argv[0])
	case err != nil:
		return Command{}, fmt.Errorf("%w: %w", ErrNotExecutable, err)
	case !filepath.IsAbs(path):
		path = filepath.Join(dir, path)
	}
	return Command{Path: path, Argv: argv, Dir: dir}, nil
}

// Ask is the command as a request for a permit. Arguments: command, the executable;
// args, a set of what follows it; line, the words in their order as a JSON array; dir.
// The resource is the executable unless another is named.
func (c Command) Ask(key, tool, resource string) (local.Ask, error) {
	line, err := jsonrpc.Encode(c.Argv)
	if err != nil {
		return local.Ask{}, err
	}
	arguments, err := jsonrpc.Encode(struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
		Line    string   `json:"line"`
		Dir     string   `json:"dir"`
	}{c.Path, append([]string{}, c.Argv[1:]...), string(line), c.Dir})
	if err != nil {
		return local.Ask{}, err
	}
	if resource == "" {
		resource = c.Path
	}
	return local.Ask{Key: key, Session: key, Tool: tool, Resource: resource, Arguments: arguments}, nil
}
