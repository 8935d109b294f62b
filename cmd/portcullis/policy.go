package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// policyFlags say which release's source is meant.
type policyFlags struct {
	g   *globals
	dir string
}

func newPolicyCommand(g *globals) *cobra.Command {
	p := &policyFlags{g: g}
	c := &cobra.Command{
		Use:   "policy",
		Short: "Check a release's source before governors sign it",
		Long:  `Works on the folder of a release's source, by default release/ in the data folder.`,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&p.dir, "release", "", "folder of the release's source (default release/ in the data folder)")
	c.AddCommand(newPolicyLintCommand(p), newPolicyCasesCommand(p), newPolicyExplainCommand(p))
	return c
}

// source reads the release's source.
func (p *policyFlags) source() (*fabric.ReleaseSource, error) {
	dir := p.dir
	if dir == "" {
		f, err := p.g.fabric()
		if err != nil {
			return nil, err
		}
		dir = f.ReleaseDir()
	}
	return fabric.LoadReleaseDir(dir)
}

// findingLine is one line of `policy lint --json`.
type findingLine struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	At       string `json:"at"` // file:line:column
	Policy   string `json:"policy,omitempty"`
	What     string `json:"what"`
	Mend     string `json:"mend"`
}

func newPolicyLintCommand(p *policyFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Find everything that is wrong with the source",
		Long: `Finds everything that is wrong with the source: rules of the schema, what does not
hold together, policies that do not compile or cannot be meant. Exits with 1 when
one of them is an error.

JSON: one object each: {"severity":"error"|"warning","code","at","policy","what","mend"}; nothing when nothing is wrong`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			findings, err := p.lint()
			if err != nil {
				return err
			}
			return p.g.tellFindings(findings)
		},
	}
}

// lint finds what is wrong; a source that cannot even be read is findings too.
func (p *policyFlags) lint() ([]fabric.Finding, error) {
	source, err := p.source()
	if problems, ok := errors.AsType[policy.Problems](err); ok {
		return problems, nil
	}
	if err != nil {
		return nil, err
	}
	return source.Lint()
}

func (g *globals) tellFindings(findings []fabric.Finding) error {
	wrong := false
	for _, f := range findings {
		wrong = wrong || f.Severity == policy.SeverityError
		line := findingLine{f.Severity.String(), f.Code, f.Position.String(), f.Policy, f.Message, f.Mend}
		if err := g.say(line, "%s\n", f); err != nil {
			return err
		}
	}
	if wrong {
		return silent(exitError)
	}
	if len(findings) == 0 && !g.json {
		fmt.Fprintln(g.stdout, "nothing is wrong")
	}
	return nil
}

func newPolicyExplainCommand(p *policyFlags) *cobra.Command {
	var q zone.Question
	var arguments argumentFlags
	c := &cobra.Command{
		Use:   "explain --as AGENT --tool TOOL --resource RESOURCE [--arg NAME=VALUE …]",
		Short: "Say what the source would decide, and why; nothing is proposed",
		Long: `Says what the source would decide on a request, and why, if it were in force: as
the first of a session, with no limit used so far. Exits with 3 when it denies.

JSON: {"allow","granted","code","policies":[…],"explanation"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := p.g.fabric()
			if err != nil {
				return err
			}
			source, err := p.source()
			if err != nil {
				return err
			}
			release, err := f.Release()
			if err != nil {
				return err
			}
			if q.Arguments, err = arguments.json(toolOf(release.Proto, q.Tool)); err != nil {
				return err
			}
			explained, err := zone.Explain(f, source, q)
			if err != nil {
				return err
			}
			return p.g.tellExplained(q, explained)
		},
	}
	c.Flags().StringVar(&q.Agent, "as", "", "the agent who would ask")
	c.Flags().StringVar(&q.Tool, "tool", "", "the tool that would be asked for")
	c.Flags().StringVar(&q.Resource, "resource", "", "what would be acted upon")
	arguments.register(c)
	required(c, "as", "tool", "resource")
	return c
}

func (g *globals) tellExplained(q zone.Question, e zone.Explained) error {
	verdict := "DENY"
	if e.Allow() {
		verdict = "ALLOW"
	}
	granted := ""
	if !e.Granted {
		granted = fmt.Sprintf("  the directory does not let %s ask for %s\n", q.Agent, q.Tool)
	}
	err := g.say(map[string]any{
		"allow": e.Allow(), "granted": e.Granted, "code": e.Result.Code.String(), "policies": e.Result.Policies, "explanation": e.String(),
	}, "%s\n%s%s", verdict, granted, indent(e.String()))
	if err == nil && !e.Allow() {
		err = silent(exitRefused)
	}
	return err
}
