package fabric

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"buf.build/go/protovalidate"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Finding is one thing wrong with a release's source, with its place there.
type Finding = policy.Finding

// Lint returns everything that is wrong with the source, errors and warnings,
// in the order of files and lines: rules of the schema, what does not hold
// together, policies that do not compile or cannot be meant, and a directory
// under which nothing could ever be done. Build fails exactly when one of them
// is an error, or when its own parameters do not fit.
func (s *ReleaseSource) Lint() ([]Finding, error) {
	stand, err := standIn(s.body.GetThresholds())
	if err != nil {
		return nil, err
	}
	return s.lint(s.assemble(stand)), nil
}

// standIn is what a source can be tried with when nobody signs it yet: as many
// governors as its thresholds ask for, and an issuer.
func standIn(t *pb.GovernorThresholds) (BuildParams, error) {
	now := time.Unix(1_700_000_000, 0)
	ca, err := newIssuer("lint.invalid", now)
	if err != nil {
		return BuildParams{}, err
	}
	p := BuildParams{Version: 1, Replaces: trust.DigestOf(nil), Now: now, Issuers: [][]byte{ca.cert.Raw}}
	for i := range min(max(t.GetRelease(), t.GetResume(), 1), 16) {
		key := trust.DigestOf([]byte{byte(i)}) // nobody signs with it
		p.Governors = append(p.Governors, &pb.Governor{Name: fmt.Sprintf("g%d", i+1), PublicKey: key[:]})
	}
	return p, nil
}

func (s *ReleaseSource) lint(release *pb.Release) []Finding {
	found := s.schemaFindings(release)
	if s.validity <= 0 && !slices.ContainsFunc(found, func(f Finding) bool { return f.Code == "release.validity" }) {
		found = append(found, Finding{
			Code: "release.validity", Position: policy.Position{File: "release.yaml", Line: 1, Column: 1},
			Message: "validity is missing", Mend: "write how long the release holds, such as validity: 8760h",
		})
	}
	if len(found) == 0 {
		found = slices.Concat(s.governanceFindings(release), policyFindings(release), s.directoryFindings(release))
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Position.File, b.Position.File), cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	return found
}

// ruleBook holds the schema's rules, to find every breach and not only the
// first as the readers of records do.
var ruleBook = func() protovalidate.Validator {
	v, err := protovalidate.New(protovalidate.WithMessages(&pb.Release{}), protovalidate.WithDisableLazy())
	if err != nil {
		panic(fmt.Sprintf("fabric: the schema's own rules do not compile: %v", err))
	}
	return v
}()

func (s *ReleaseSource) schemaFindings(release *pb.Release) []Finding {
	var broken *protovalidate.ValidationError
	err := ruleBook.Validate(release)
	if err == nil {
		return nil
	}
	if !errors.As(err, &broken) {
		return []Finding{{Code: "schema", Position: policy.Position{File: "release.yaml"}, Message: err.Error(), Mend: "report this"}}
	}
	var found []Finding
	for _, v := range broken.Violations {
		path := protovalidate.FieldPathString(v.Proto.GetField())
		found = append(found, Finding{
			Code: "schema." + v.Proto.GetRuleId(), Position: s.locate(path),
			Message: fmt.Sprintf("%s breaks a rule of the schema: %s", path, v.Proto.GetMessage()), Mend: "change it to keep the rule",
		})
	}
	return found
}

// locate says where a path of the release stands, or what holds it.
func (s *ReleaseSource) locate(path string) policy.Position {
	for path != "" {
		if at, ok := s.positions[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return policy.Position{File: "release.yaml", Line: 1, Column: 1}
}

func (s *ReleaseSource) governanceFindings(release *pb.Release) []Finding {
	_, err := governance.NewRelease(trust.Digest{}, release)
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	found := make([]Finding, len(all))
	for i, err := range all {
		found[i] = Finding{Code: "release", Position: s.locate(pathOf(release, err.Error())), Message: err.Error(), Mend: "make the release hold together"}
	}
	return found
}

// pathOf guesses from a message of core/governance what it speaks of, to point
// at a line. The message itself names it exactly.
func pathOf(release *pb.Release, message string) string {
	words := strings.FieldsFunc(message, func(c rune) bool { return c == ' ' || c == ':' })
	if len(words) < 2 {
		return ""
	}
	switch words[0] {
	case "tool":
		return last("tools", release.GetTools(), words[1])
	case "limit":
		return last("limits", release.GetLimits(), words[1])
	case "directory":
		for _, word := range words {
			if path := last("directory", release.GetDirectory(), word); path != "directory" {
				return path
			}
		}
		return "directory"
	case "expires":
		return "validity"
	default:
		return words[0]
	}
}

// last is the path of the last item with the name, where a second one stands.
func last[M any](list string, items []M, name string) string {
	for i, item := range slices.Backward(items) {
		var own string
		switch x := any(item).(type) {
		case interface{ GetName() string }:
			own = x.GetName()
		case interface{ GetId() string }:
			own = x.GetId()
		}
		if own == name {
			return fmt.Sprintf("%s[%d]", list, i)
		}
	}
	return list
}

func policyFindings(release *pb.Release) []Finding {
	found := policy.Lint(verdict.PolicyConfig(release))
	for i := range found {
		if found[i].Position == (policy.Position{}) {
			found[i].Position = policy.Position{File: "tools.yaml", Line: 1, Column: 1}
		}
	}
	return found
}
