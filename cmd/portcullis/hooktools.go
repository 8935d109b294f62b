package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/hook"
	"github.com/portcullis-dev/portcullis/schemas"
)

func newHookToolsCommand(g *globals) *cobra.Command {
	var starter hook.Starter
	var policy, cases, names bool
	c := &cobra.Command{
		Use:   "tools [TOOL …]",
		Short: "Print the platform's tools as entries of a release's tools.yaml",
		Long: `Prints the tools of Claude Code that are known, what portcullis exec runs, and others
that are named as the platform names them, such as mcp__fs__read_file. Append them to
release/tools.yaml. With --policy a first policy is printed instead, and with --cases
what must come out of it:

  portcullis hook tools            >> release/tools.yaml
  portcullis hook tools --policy    > release/policies/hook.cedar
  portcullis hook tools --cases     > release/tests/hook.yaml
  portcullis hook tools --names     for enroll agent … --tools, and enroll executor … --gateway --tools

JSON: none: it prints what a release's files hold`,
		RunE: func(_ *cobra.Command, others []string) error {
			if err := errors.Join(schemas.CheckName(starter.Agent), schemas.CheckName(starter.Group)); err != nil {
				return usage(err)
			}
			var text string
			var err error
			switch {
			case policy:
				text, err = starter.Policy()
			case cases:
				text, err = starter.Cases()
			case names:
				text = strings.Join(hook.Names(others...), ",") + "\n"
			default:
				text, err = hook.Tools(others...)
			}
			if err != nil {
				return usage(err)
			}
			_, err = io.WriteString(g.stdout, text)
			return err
		},
	}
	folder, err := os.Getwd()
	if err != nil {
		folder = ""
	}
	c.Flags().BoolVar(&policy, "policy", false, "print a first policy instead")
	c.Flags().BoolVar(&cases, "cases", false, "print the cases of that policy instead")
	c.Flags().BoolVar(&names, "names", false, "print the tools' names in the release instead, with commas")
	c.Flags().StringVar(&starter.Group, "group", "staff", "of the policy: whose members may work")
	c.Flags().StringVar(&starter.Agent, "as", "scout", "of the cases: a member of that group")
	c.Flags().StringVar(&starter.Folder, "folder", folder, "of the policy: the folder whose files may be read and changed")
	c.MarkFlagsMutuallyExclusive("policy", "cases", "names")
	return c
}
