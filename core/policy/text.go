package policy

import (
	"strings"

	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

const maxTextBytes = 300

// textOf returns an expression in Cedar's syntax, shortened for people.
func textOf(n ast.IsNode) string { return shorten(wholeTextOf(n), maxTextBytes) }

// wholeTextOf returns an expression in Cedar's syntax. Cedar-go writes policies
// only, so the expression is written as the condition of one.
func wholeTextOf(n ast.IsNode) string {
	text := textOfPolicy(ast.Permit().When(ast.NewNode(n)))
	_, body, _ := strings.Cut(text, "when { ")
	return strings.TrimSuffix(body, " };")
}

func textOfPolicy(p *ast.Policy) string {
	return string((*publicast.Policy)(p).MarshalCedar())
}
