package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/fabric"
)

func newPolicyCasesCommand(p *policyFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "test",
		Short: "Run the cases in tests/, and say what they do not cover",
		Long: `Runs the cases of the source's tests/ folder. It also tells which policies decide
no case, and which forbids could be taken away without a case that notices. Exits
with 1 unless every case passes, every policy is covered and every forbid guarded.

JSON: one object a case: {"case","passed","got","why"}; then {"event":"tested","cases","failed","uncovered":[…],"unguarded":[…]}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			source, err := p.source()
			if err != nil {
				return err
			}
			trustDomain, name, err := p.names()
			if err != nil {
				return err
			}
			report, err := source.Test(trustDomain, name)
			if err != nil {
				return err
			}
			return p.g.tellReport(report)
		},
	}
}

// names are the trust domain and the zone that cases are tried in: the data
// folder's, or, where there is none, those that init would choose.
func (p *policyFlags) names() (trustDomain, zoneName string, err error) {
	f, err := p.g.fabric()
	if errors.Is(err, fabric.ErrNoFabric) && p.dir != "" {
		return defaultTrustDomain, defaultZone, nil
	}
	if err != nil {
		return "", "", err
	}
	return f.TrustDomain, f.Zone, nil
}

// caseLine is one line of `policy test --json`.
type caseLine struct {
	Case   string `json:"case"`
	Passed bool   `json:"passed"`
	Got    string `json:"got"` // code of the policy's result
	Why    string `json:"why,omitempty"`
}

func (g *globals) tellReport(r policy.Report) error {
	failed := 0
	for _, o := range r.Outcomes {
		word := "pass"
		if !o.Passed {
			failed++
			word = "FAIL"
		}
		if err := g.say(caseLine{o.Name, o.Passed, o.Got.Code.String(), o.Why}, "%s  %s\n%s", word, o.Name, indent(o.Why)); err != nil {
			return err
		}
	}
	err := g.say(map[string]any{
		"event": "tested", "cases": len(r.Outcomes), "failed": failed, "uncovered": orEmpty(r.Uncovered), "unguarded": orEmpty(r.Unguarded),
	}, "%d cases, %d failed\npolicies that decide no case: %s\nforbids that no case would miss: %s\n",
		len(r.Outcomes), failed, orNone(r.Uncovered), orNone(r.Unguarded))
	if err == nil && failed+len(r.Uncovered)+len(r.Unguarded) > 0 {
		err = silent(exitError)
	}
	return err
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
