package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// module is this repository's module path.
const module = "github.com/portcullis-dev/portcullis"

// source is one parsed Go file.
type source struct {
	name   string // slash-separated, from the repository's root: core/trust/key.go
	syntax *ast.File
	files  *token.FileSet
}

func (s source) dir() string { return path.Dir(s.name) }

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// at renders a position as name:line.
func (s source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.files.Position(node.Pos()).Line)
}

// imports lists the paths that the file imports, with the place of each.
func (s source) imports(visit func(importPath, where string)) {
	for _, spec := range s.syntax.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil { // The parser has accepted it, so this is for a future parser.
			importPath = spec.Path.Value
		}
		visit(importPath, s.at(spec))
	}
}

// repository parses every Go file of the working tree.
func repository(t *testing.T) []source {
	t.Helper()
	sources, err := load(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// load parses every Go file under root, whatever its build tags say, in lexical order.
func load(root fs.FS) ([]source, error) {
	var sources []source
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(name)
		case path.Ext(name) != ".go":
			return nil
		}
		parsed, err := parse(root, name)
		sources = append(sources, parsed)
		return err
	})
	return sources, err
}

// enter says whether the go tool would look into a folder.
func enter(dir string) error {
	base := path.Base(dir)
	hidden := dir != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
	if hidden || base == "testdata" || base == "node_modules" {
		return fs.SkipDir
	}
	return nil
}

func parse(root fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return source{}, err
	}
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
	return source{name: name, syntax: syntax, files: files}, err
}

// within says whether name is prefix or lies below it, segment by segment.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}
