package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/story"
)

func newDemoCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Tell the story of a governed action, with real processes and real effects",
		Long: `Starts a zone of its own as processes (broker, enforcer, executor, sentinel) on a
temporary data folder, lets an agent do what it may and others try what they may
not, and checks ledger, files and bank after each step. With --data it uses that
folder, which must not be running. Exits with 1 if anything is not as told.

JSON: one object a step: {"step","title","result","check","reasons":[…],"because","ledger":[{"what","at"}],"world","faults":[…]},
then {"event":"told","steps"}; positions are "sequence.index".`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			executable, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this executable: %w", err)
			}
			if !g.json {
				fmt.Fprint(g.stdout, "A zone of five processes: broker, enforcer, executor, sentinel, recorder. The files are real, the bank is a toy.\n\n")
			}
			steps := 0
			err = story.Run(c.Context(), story.Config{Executable: executable, Dir: g.data, Tell: func(s story.Step) error {
				steps++
				return g.say(s, "%s\n", s)
			}})
			if err != nil {
				return err
			}
			return g.say(map[string]any{"event": "told", "steps": steps},
				"All %d steps came out as told. What was done is on the ledger; what was not, was stopped before it began.\n", steps)
		},
	}
}
