package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/schemas"
)

func newHookCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "hook",
		Short: "Govern the tools that an agent platform runs itself",
		Long: `Claude Code asks a hook before it runs a tool, and tells one afterwards. Here the
hook asks a service on this machine, which is an agent and its executor:

  portcullis hook tools          what a release must know of the platform's tools
  portcullis hook serve --as coder --executor desk1
  portcullis hook install        writes the hook into the platform's settings

While Portcullis is down no tool runs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newHookServeCommand(g), newHookClaudeCodeCommand(g), newHookInstallCommand(g), newHookUninstallCommand(g), newHookToolsCommand(g))
	return c
}

// serviceFlag names the service that hooks and commands ask, of which a data folder
// may have several.
type serviceFlag struct{ name string }

func (s *serviceFlag) register(c *cobra.Command) {
	c.Flags().StringVar(&s.name, "name", "local", "the service's name, if there are several")
}

// socket is where the service and who asks it meet.
func (s *serviceFlag) socket(g *globals) (string, error) {
	if err := schemas.CheckName(s.name); err != nil {
		return "", usage(err)
	}
	dir, err := g.dir()
	if err != nil {
		return "", err
	}
	dir, err = filepath.Abs(dir)
	return filepath.Join(dir, "run", s.name+".service"), err
}
