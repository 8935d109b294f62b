package house

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"testing"
)

// Core computes and does nothing else: verdicts must be equal on every machine and in every replay, so core has no
// hidden input (clock, disk, network, randomness) and starts nothing. Its tests may have all of them.

// impure lists packages that core may not import, each with all below it.
var impure = []string{
	"os", "io/ioutil", "path/filepath", "net", "syscall", "golang.org/x/sys", "log", "testing",
	"crypto/rand", "math/rand", "unsafe", "plugin", "runtime", "github.com/nats-io",
}

// pure lists packages below an impure one that parse and compute, nothing more.
var pure = []string{"net/url", "net/netip"}

// keymaker is the one unit that may draw randomness: it makes keys and ECDSA signatures, and nothing folds either.
const keymaker = "core/trust"

// impureCalls lists, by package, what core may not use of packages that it may import.
var impureCalls = map[string][]string{
	"time":    {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"},
	"context": {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause"},
	"fmt":     {"Print", "Printf", "Println"},
}

func TestCoreIsPure(t *testing.T) {
	for _, fault := range purityFaults(repository(t)) {
		t.Error(fault)
	}
}

func purityFaults(sources []source) []string {
	var faults []string
	for _, source := range sources {
		if within(source.dir(), "core") && !source.isTest() {
			faults = append(faults, impureImports(source)...)
			faults = append(faults, impureStatements(source)...)
		}
	}
	return faults
}

func impureImports(source source) []string {
	var faults []string
	source.imports(func(imported, where string) {
		listed := func(other string) bool { return within(imported, other) }
		draws := imported == "crypto/rand" && within(source.dir(), keymaker)
		if slices.ContainsFunc(impure, listed) && !slices.ContainsFunc(pure, listed) && !draws {
			faults = append(faults, fmt.Sprintf("%s: core imports %s; hand in what it would read", where, imported))
		}
		if name := importName(source, imported); name == "." && impureCalls[imported] != nil {
			faults = append(faults, fmt.Sprintf("%s: core imports %s by dot, which hides its use", where, imported))
		}
	})
	return faults
}

// impureStatements finds goroutines, selects and the calls of impureCalls. It goes by the import's name in the
// file, not by types: a local variable named like a package only makes it stricter.
func impureStatements(source source) []string {
	var faults []string
	report := func(node ast.Node, format string, args ...any) {
		faults = append(faults, source.at(node)+": "+fmt.Sprintf(format, args...))
	}
	ast.Inspect(source.syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node, "core starts a goroutine; services own goroutines")
		case *ast.SelectStmt:
			report(node, "core waits in a select; services own waiting")
		case *ast.SelectorExpr:
			for imported, names := range impureCalls {
				if qualifier, ok := node.X.(*ast.Ident); ok && qualifier.Name == importName(source, imported) && slices.Contains(names, node.Sel.Name) {
					report(node, "core uses %s.%s; it comes in as a value", imported, node.Sel.Name)
				}
			}
		}
		return true
	})
	return faults
}

// importName returns the name under which a file knows a package, empty when it does not import it.
func importName(source source, importPath string) string {
	for _, spec := range source.syntax.Imports {
		if spec.Path.Value != `"`+importPath+`"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// TestPurityRulesBite plants faults in core and looks that each is found, and that what is allowed passes.
func TestPurityRulesBite(t *testing.T) {
	tests := []struct {
		name, file, body string
		want             string
	}{
		{"values of time", "core/a/a.go", `import "time"; const limit = time.Second; func f(now time.Time) bool { return now.After(now) }`, ""},
		{"URL", "core/a/a.go", `import "net/url"; var _ url.URL`, ""},
		{"a field named like a function", "core/a/a.go", `type clock struct{ Now int }; func f(c clock) int { return c.Now }`, ""},
		{"tests may", "core/a/a_test.go", `import "os"; func f() { go f(); _ = os.Args }`, ""},
		{"services may", "agent/a.go", `import "time"; func f() { go f(); time.Sleep(1) }`, ""},
		{"clock", "core/a/a.go", `import "time"; var now = time.Now()`, "core uses time.Now"},
		{"clock as a value", "core/a/a.go", `import "time"; var now = time.Now`, "core uses time.Now"},
		{"clock by another name", "core/a/a.go", `import t "time"; var now = t.Since(t.Time{})`, "core uses time.Since"},
		{"clock by dot", "core/a/a.go", `import . "time"; var now = Now()`, "by dot"},
		{"clock behind a context", "core/a/a.go", `import "context"; var f = context.WithTimeout`, "core uses context.WithTimeout"},
		{"disk", "core/a/a.go", `import "os"; var _ = os.Args`, "core imports os"},
		{"network", "core/a/a.go", `import "net/http"; var _ http.Client`, "core imports net/http"},
		{"log", "core/a/a.go", `import "log/slog"; var _ slog.Logger`, "core imports log/slog"},
		{"broker's keys", "core/a/a.go", `import "github.com/nats-io/nkeys"; var _ nkeys.KeyPair`, "core imports github.com/nats-io/nkeys"},
		{"randomness", "core/a/a.go", `import "crypto/rand"; var _ = rand.Reader`, "core imports crypto/rand"},
		{"randomness for keys", "core/trust/a.go", `import "crypto/rand"; var _ = rand.Reader`, ""},
		{"weak randomness for keys", "core/trust/a.go", `import "math/rand/v2"; var _ = rand.Int`, "core imports math/rand/v2"},
		{"goroutine", "core/a/a.go", `func f() { go f() }`, "core starts a goroutine"},
		{"goroutine inside a closure", "core/a/a.go", `var f = func() { func() { go print() }() }`, "core starts a goroutine"},
		{"select", "core/a/a.go", `func f() { select {} }`, "core waits in a select"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expect(t, purityFaults(planted(t, test.file, "package a; "+test.body)), test.want)
		})
	}
}
