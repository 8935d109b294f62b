package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity tells whether a finding stops compilation.
type Severity uint8

// An error is the zero Severity: a finding that nobody graded stops a release.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Position is a place in a source: Line and Column count from 1, Column in
// characters. The zero Position means the registry, which has no text.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, or "registry".
func (p Position) String() string {
	if p.Line == 0 {
		if p.File == "" {
			return "registry"
		}
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one thing wrong with a Config.
type Finding struct {
	Severity Severity
	Code     string // stable, for machines: "id.duplicate"
	Position Position
	Policy   string // @id of the policy, when it has one
	Message  string // what is wrong
	Mend     string // what to do about it
}

// String returns one line for people.
func (f Finding) String() string {
	var policy string
	if f.Policy != "" {
		policy = fmt.Sprintf("policy %q: ", f.Policy)
	}
	return fmt.Sprintf("%s: %s: %s%s; %s [%s]", f.Position, f.Severity, policy, f.Message, f.Mend, f.Code)
}

// Problems is the error of [Compile]: every finding of severity error, sorted.
type Problems []Finding

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, f := range p {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// findings collects what the passes over a Config find.
type findings struct {
	list []Finding
}

func (fs *findings) add(f Finding) { fs.list = append(fs.list, f) }

// registry adds an error about the registry, which has no position.
func (fs *findings) registry(code, mend, format string, args ...any) {
	fs.add(Finding{Code: code, Message: fmt.Sprintf(format, args...), Mend: mend})
}

// sorted returns the findings in the order of their positions, each once.
func (fs *findings) sorted() []Finding {
	slices.SortFunc(fs.list, compareFindings)
	return slices.Compact(fs.list)
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Position.File, b.Position.File),
		cmp.Compare(a.Position.Line, b.Position.Line),
		cmp.Compare(a.Position.Column, b.Position.Column),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Policy, b.Policy),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Mend, b.Mend),
	)
}

// errorsOf returns the findings that stop compilation.
func errorsOf(all []Finding) Problems {
	var p Problems
	for _, f := range all {
		if f.Severity == SeverityError {
			p = append(p, f)
		}
	}
	return p
}
