package policy

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go"
)

// Set is a compiled release: policies, registry and index. It is immutable and
// safe for concurrent use. The zero Set and the nil Set deny everything.
type Set struct {
	caps     Caps
	registry *registry
	rules    []rule
	numbers  map[cedar.PolicyID]int // of the rules, by id
	index    *index
}

// Compile checks cfg and builds its Set. The error is a [Problems] with every
// finding of severity error. Equal configurations give equal Sets and equal
// errors.
func Compile(cfg Config) (*Set, error) {
	set, found := analyse(cfg)
	if problems := errorsOf(found); len(problems) > 0 {
		return nil, problems
	}
	set.index = newIndex(set.rules)
	set.numbers = make(map[cedar.PolicyID]int, len(set.rules))
	for i := range set.rules {
		set.numbers[cedar.PolicyID(set.rules[i].id)] = i
	}
	return set, nil
}

// analyse runs every check over cfg. The set lacks its index, and is fit for
// use only when no finding is an error.
func analyse(cfg Config) (*Set, []Finding) {
	fs := &findings{}
	caps, raised := cfg.Caps.effective()
	for _, name := range raised {
		fs.registry("caps.raised", "lower it or leave it zero", "the cap %s is negative or above its largest value", name)
	}
	s := &Set{caps: caps, registry: newRegistry(cfg, caps, fs)}
	sound := len(fs.list) == 0
	s.rules = parse(checkCaps(cfg.Sources, caps, fs), fs)
	if sound { // the types of a broken registry would only mislead
		check := newTypechecker(s.registry)
		for i := range s.rules {
			check.check(&s.rules[i], fs)
		}
		lint(s, fs)
	}
	return s, fs.sorted()
}

// Evaluate decides a request. It is deterministic, keeps nothing, and denies
// when it cannot decide: see [Code].
func (s *Set) Evaluate(r Request) Result {
	return s.evaluate(r, nil)
}

// evaluate decides a request as if one of the rules did not exist.
func (s *Set) evaluate(r Request, without *rule) (result Result) {
	defer func() {
		if recover() != nil {
			result = Result{Code: InternalError, Errors: []string{"the evaluator failed on this request"}}
		}
	}()
	if s == nil || s.index == nil {
		return Result{Errors: []string{"no policies are compiled"}}
	}
	w, no := s.admit(r)
	if no != nil {
		return no.result()
	}
	candidates := slice{rules: s.rules, lists: s.index.candidates(w.request, w.groups), without: without}
	decision, diagnostic := cedar.Authorize(candidates, w, w.request)
	return s.conclude(decision, diagnostic, r.Approvals)
}

// conclude turns Cedar's answer into ours: any evaluation error denies, and a
// permit counts only when it has its approvals.
func (s *Set) conclude(decision cedar.Decision, d cedar.Diagnostic, approvals int) Result {
	result := Result{Errors: messages(d.Errors)}
	ids := make([]string, 0, len(d.Reasons))
	for _, reason := range d.Reasons {
		ids = append(ids, string(reason.PolicyID))
	}
	switch {
	case decision == cedar.Deny && len(ids) > 0:
		result.Code = Forbidden
	case len(d.Errors) > 0:
		result.Code = EvaluationError
		ids = ids[:0]
		for _, e := range d.Errors {
			ids = append(ids, string(e.PolicyID))
		}
	case decision == cedar.Deny:
		result.Code = DefaultDeny
	default:
		return s.allow(ids, approvals)
	}
	slices.Sort(ids)
	result.Policies = ids
	return result
}

// allow weighs the permits that matched against the approvals at hand.
func (s *Set) allow(ids []string, approvals int) Result {
	var ready []string
	least := maxApprovals
	for _, id := range ids {
		needed := s.rules[s.numbers[cedar.PolicyID(id)]].approvals
		least = min(least, needed)
		if needed <= approvals {
			ready = append(ready, id)
		}
	}
	if len(ready) == 0 {
		slices.Sort(ids)
		return Result{
			Code: ApprovalPending, Policies: ids, Approvals: least,
			Errors: []string{fmt.Sprintf("%d of %d approvals", approvals, least)},
		}
	}
	slices.Sort(ready)
	return Result{Allow: true, Code: Allowed, Policies: ready}
}

// messages returns what went wrong in the policies, sorted and bounded.
func messages(errs []cedar.DiagnosticError) []string {
	if len(errs) == 0 {
		return nil
	}
	out := make([]string, len(errs))
	for i, e := range errs {
		out[i] = shorten(fmt.Sprintf("policy %q: %s", string(e.PolicyID), e.Message), maxErrorBytes)
	}
	slices.Sort(out)
	return out[:min(len(out), maxErrors)]
}
