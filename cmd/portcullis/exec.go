package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/hook"
	"github.com/portcullis-dev/portcullis/gateway/local"
	"github.com/portcullis-dev/portcullis/gateway/shell"
)

// What exec ends with when it is not the command that ended so. The command's own
// codes are passed on, so these are the ones that env and its like have.
const (
	exitNotRun        = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

func newExecCommand(g *globals) *cobra.Command {
	var service serviceFlag
	var tool, resource string
	c := &cobra.Command{
		Use:   "exec -- COMMAND [ARGUMENT …]",
		Short: "Run a command with a permit, or not at all",
		Long: `Asks the service of portcullis hook serve for a permit, runs the command as its own
child once it has one, and reports how it ended. No shell takes part. The resource is
the executable's path; policies see the arguments command, args, line and dir. A halt
ends the command, and so does its deadline.

Exit codes: the command's own; 128 and a signal's number if that ended it; 125 if it
was not permitted, not run or ended before its end; 126 if it cannot be run; 127 if it
is not found.

JSON: errors only, one line on standard error; code is not_run, not_executable or not_found`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, argv []string) error {
			socket, err := service.socket(g)
			if err != nil {
				return g.notRun(exitNotRun, err)
			}
			exit, err := g.exec(c.Context(), socket, tool, resource, argv)
			if err != nil {
				return g.notRun(exit, err)
			}
			if exit == 0 {
				return nil
			}
			return silent(exit)
		},
	}
	service.register(c)
	c.Flags().StringVar(&tool, "tool", hook.ShellTool, "the tool in the release")
	c.Flags().StringVar(&resource, "resource", "", "what the command acts upon, for policies (default: the executable's path)")
	return c
}

func (g *globals) exec(ctx context.Context, socket, tool, resource string, argv []string) (exit int, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return exitNotRun, err
	}
	command, err := shell.Find(argv, dir)
	switch {
	case errors.Is(err, shell.ErrNotFound):
		return exitNotFound, err
	case err != nil:
		return exitNotExecutable, err
	}
	key, err := uuid.NewRandom()
	if err != nil {
		return exitNotRun, err
	}
	ask, err := command.Ask("exec-"+key.String(), tool, resource)
	if err != nil {
		return exitNotRun, err
	}
	client, err := local.Dial(ctx, socket)
	if err != nil {
		return exitNotRun, fmt.Errorf("%w; start it with portcullis hook serve", err)
	}
	defer client.Close()
	streams := shell.Streams{In: os.Stdin, Out: g.stdout, Err: g.stderr}
	ending, err := shell.Run(ctx, client, command, ask, streams, func(w local.Wait) { fmt.Fprintf(g.stderr, "portcullis: waiting: %s\n", w.Text) })
	switch {
	case err != nil:
		return exitNotRun, err
	case ending.Stopped != nil:
		return exitNotRun, fmt.Errorf("%s was ended before its end: %w", command.Path, ending.Stopped)
	case ending.Unheard != nil:
		fmt.Fprintf(g.stderr, "portcullis: how %s ended could not be reported, so its outcome will be INDETERMINATE: %v\n", command.Path, ending.Unheard)
	}
	return ending.Exit, nil
}

// notRun says why, and ends with a code that is none of the command's.
func (g *globals) notRun(exit int, err error) error {
	name := map[int]string{exitNotRun: "not_run", exitNotExecutable: "not_executable", exitNotFound: "not_found"}[exit]
	if g.json {
		_ = writeJSON(g.stderr, map[string]any{"error": map[string]any{"code": name, "exit": exit, "what": err.Error(), "mend": ""}})
	} else {
		fmt.Fprintf(g.stderr, "portcullis: %v\n", err)
	}
	return silent(exit)
}
