package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// rule is one parsed policy.
type rule struct {
	id        string
	reason    string
	approvals int // that a permit waits for
	at        Position
	compiled  *cedar.Policy
	tree      *ast.Policy
}

func (r *rule) forbids() bool { return r.tree.Effect == ast.EffectForbid }

// effect returns Cedar's word for what the rule does.
func (r *rule) effect() string {
	if r.forbids() {
		return "forbid"
	}
	return "permit"
}

// find adds a finding at the rule.
func (r *rule) find(fs *findings, s Severity, code, mend, format string, args ...any) {
	fs.add(Finding{Severity: s, Code: code, Position: r.at, Policy: r.id, Message: fmt.Sprintf(format, args...), Mend: mend})
}

// parse parses sources that are within the caps. A source that does not parse
// yields one finding and no rule.
func parse(sources []Source, fs *findings) []rule {
	var rules []rule
	first := map[string]Position{}
	for _, src := range sources {
		var list cedar.PolicyList
		err := safely(func() (err error) {
			list, err = cedar.NewPolicyListFromBytes(src.Name, []byte(src.Text))
			return err
		})
		if err != nil {
			fs.add(syntaxFinding(src.Name, err))
			continue
		}
		for _, p := range list {
			r := newRule(src.Name, p, fs)
			if at, twice := first[r.id]; twice && r.id != "" {
				r.find(fs, SeverityError, "id.duplicate", "give each policy an id of its own", "the id is already used at %s", at)
			} else {
				first[r.id] = r.at
			}
			rules = append(rules, r)
		}
	}
	return rules
}

func newRule(file string, p *cedar.Policy, fs *findings) rule {
	tree := (*ast.Policy)(p.AST())
	r := rule{
		at:       Position{File: file, Line: tree.Position.Line, Column: tree.Position.Column},
		compiled: p,
		tree:     tree,
	}
	for _, a := range tree.Annotations {
		if a.Key == "id" {
			r.id = string(a.Value)
		}
	}
	if !validName(r.id) {
		r.find(fs, SeverityError, "id.missing", `begin the policy with @id("a-unique-name")`, "the policy has no usable @id: %.60q", r.id)
		r.id = ""
	}
	for _, a := range tree.Annotations {
		r.annotate(a, fs)
	}
	return r
}

func (r *rule) annotate(a ast.AnnotationType, fs *findings) {
	switch a.Key {
	case "id", "note":
	case "reason":
		r.reason = string(a.Value)
	case "approvals":
		n, err := strconv.Atoi(string(a.Value))
		if err != nil || n < 1 || n > maxApprovals || r.forbids() {
			r.find(fs, SeverityError, "annotation.approvals", `write @approvals("1") to @approvals("16") on a permit`, "@approvals(%.20q) means nothing here", string(a.Value))
		}
		r.approvals = n
	default:
		r.find(fs, SeverityError, "annotation.unknown", "use @id, @reason, @note or @approvals", "the annotation @%.60s has no effect", string(a.Key))
	}
}

// cedarPosition is where cedar-go puts positions into its messages.
var cedarPosition = regexp.MustCompile(`^(?:parser error: )?(?:parse error at )?<input>:(\d+):(\d+):? ?`)

// syntaxFinding turns the parser's message into a finding with a position.
func syntaxFinding(file string, err error) Finding {
	message := err.Error()
	at := Position{File: file}
	if m := cedarPosition.FindStringSubmatch(message); m != nil {
		at.Line, _ = strconv.Atoi(m[1])   // digits, as matched; too many leave 0, which is no position
		at.Column, _ = strconv.Atoi(m[2]) // likewise
		message = message[len(m[0]):]
	}
	return Finding{
		Code: "syntax", Position: at,
		Message: "not a Cedar policy: near " + shorten(message, 200),
		Mend:    "correct the policy there or just before",
	}
}

// uidOf returns the entity that a scope names, and whether it names one.
func uidOf(scope ast.IsScopeNode) (types.EntityUID, bool) {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return s.Entity, true
	case ast.ScopeTypeIn:
		return s.Entity, true
	case ast.ScopeTypeIsIn:
		return s.Entity, true
	case ast.ScopeTypeAll, ast.ScopeTypeIs, ast.ScopeTypeInSet:
	}
	return types.EntityUID{}, false
}

// actionsOf returns the actions that the scope names, and whether it names any:
// a scope over all actions, or over the group of all actions, names none.
func actionsOf(scope ast.IsActionScopeNode) ([]types.EntityUID, bool) {
	named := func(uids ...types.EntityUID) ([]types.EntityUID, bool) {
		if slices.Contains(uids, everyAction) {
			return nil, false
		}
		return uids, true
	}
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return []types.EntityUID{s.Entity}, true // == Action::"all" is no tool's action
	case ast.ScopeTypeIn:
		return named(s.Entity)
	case ast.ScopeTypeInSet:
		return named(s.Entities...)
	case ast.ScopeTypeAll:
	}
	return nil, false
}
