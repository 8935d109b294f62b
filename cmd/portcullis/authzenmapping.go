package main

import (
	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/authzen"
)

// authzenWords are the flags that say in which words clients ask.
type authzenWords struct {
	subjects, resources map[string]string
}

func (w *authzenWords) register(c *cobra.Command) {
	c.Flags().StringToStringVar(&w.subjects, "subject", nil, "TYPE=ATTRIBUTE: subjects of TYPE are agents, by this text attribute of the directory (repeatable)")
	c.Flags().StringToStringVar(&w.resources, "resource", nil, "TYPE=RELEASE-TYPE: what clients call a resource type of the release (repeatable)")
}

func (w *authzenWords) mapping() authzen.Mapping {
	return authzen.Mapping{Subjects: w.subjects, Resources: w.resources}
}

func newAuthZENMappingCommand(g *globals) *cobra.Command {
	var words authzenWords
	c := &cobra.Command{
		Use:   "mapping",
		Short: "Print how clients' words are put into the release's",
		Long: `Prints, from the release in the data folder, which subjects, actions and resources
clients can ask about, and which properties they state.

JSON: {"subjects":[{"type","by","ids":[…]}],"actions":[{"action","tool","resource_type","arguments":[…],"context":[…]}],"resources":[{"type","release_type","named":[…]}]}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := g.fabric()
			if err != nil {
				return err
			}
			release, err := f.Release()
			if err != nil {
				return err
			}
			table, err := authzen.Describe(release, words.mapping())
			if err != nil {
				return usage(err)
			}
			return g.say(table, "%s", table)
		},
	}
	words.register(c)
	return c
}
