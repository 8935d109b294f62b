package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/story"
)

// demoFlags say what is told beside the steps, and how long.
type demoFlags struct {
	records    bool
	whileInput bool
}

func newDemoCommand(g *globals) *cobra.Command {
	var flags demoFlags
	c := &cobra.Command{
		Use:   "demo [--records]",
		Short: "Tell the story of a governed action, with real processes and real effects",
		Long: `Starts a zone of its own as processes (broker, enforcer, executor, sentinel) on a
temporary data folder, lets an agent do what it may and others try what they may
not, and checks ledger, files and bank after each step. With --data it uses that
folder, which must not be running. Exits with 1 if anything is not as told. With
--records it also tells each record of a step, as it comes to stand on the ledger.

JSON: one object a step: {"step","title","result","check","reasons":[…],"because","ledger":[{"what","at"}],"world","faults":[…]},
then {"event":"told","steps"}; positions are "sequence.index". With --records, before and between:
{"event":"outline","steps":[{"step","title"}]}, {"event":"begins","step","title"} and
{"event":"record","step","lines":[…],"raw":{"seq","time","subject","data"}}; lines are those of tail.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.demo(c.Context(), flags) },
	}
	c.Flags().BoolVar(&flags.records, "records", false, "tell each record of a step too")
	c.Flags().BoolVar(&flags.whileInput, "while-input", false, "end, and leave nothing behind, when standard input ends")
	_ = c.Flags().MarkHidden("while-input") // for the console, whose child this is; the flag exists
	return c
}

func (g *globals) demo(ctx context.Context, flags demoFlags) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this executable: %w", err)
	}
	if flags.whileInput {
		var cancel context.CancelFunc
		ctx, cancel = whileInput(ctx, os.Stdin)
		defer cancel()
	}
	if !g.json {
		fmt.Fprint(g.stdout, "A zone of five processes: broker, enforcer, executor, sentinel, recorder. The files are real, the bank is a toy.\n\n")
	}
	steps := 0
	cfg := story.Config{Executable: executable, Dir: g.data, Tell: func(s story.Step) error {
		steps++
		return g.say(s, "%s\n", s)
	}}
	if flags.records {
		cfg.Watch = func(e story.Event) error { return g.say(e, "%s", demoRecord(e)) }
	}
	if err := story.Run(ctx, cfg); err != nil {
		return err
	}
	return g.say(map[string]any{"event": "told", "steps": steps},
		"All %d steps came out as told. What was done is on the ledger; what was not, was stopped before it began.\n", steps)
}

// whileInput is ctx until input ends. Whoever ends it may read no more either: writing
// to nobody is then an error like others, and does not end the process before it has
// cleaned up.
func whileInput(ctx context.Context, input io.Reader) (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, input) // however it ends, it has ended
		cancel()
	}()
	return ctx, cancel
}

// demoRecord is a record as people read it; nothing for other events, which the steps
// tell themselves.
func demoRecord(e story.Event) (text string) {
	if e.Record == nil {
		return ""
	}
	for _, line := range e.Record.Lines {
		text += line.String() + "\n"
	}
	return text
}
