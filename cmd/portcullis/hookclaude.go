package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/hook"
	"github.com/portcullis-dev/portcullis/gateway/local"
)

// exitBlocked is the only exit code by which the platform takes a failure for a no.
// It is also what a wrong command line ends with, and a panic.
const exitBlocked = exitUsage

// hookWithin is less than what the platform waits for, so that it hears the reason.
const hookWithin = 590 * time.Second

func newHookClaudeCodeCommand(g *globals) *cobra.Command {
	var service serviceFlag
	c := &cobra.Command{
		Use:   "claude-code",
		Short: "Answer one event of Claude Code's",
		Long: `Reads an event on standard input. Before a tool runs it asks the service for a permit
and answers allow or deny, with the reason and the place on the ledger; afterwards it
reports what came of it. Whatever goes wrong ends with exit code 2, which blocks, and
the reason on standard error.

JSON: none of its own: standard output is the platform's`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), hookWithin)
			defer cancel()
			if err := g.answerHook(ctx, service); err != nil {
				fmt.Fprintf(g.stderr, "Portcullis: %v\n", err)
				return silent(exitBlocked)
			}
			return nil
		},
	}
	service.register(c)
	return c
}

func (g *globals) answerHook(ctx context.Context, service serviceFlag) error {
	event, err := hook.ReadEvent(os.Stdin)
	if err != nil {
		return err
	}
	socket, err := service.socket(g)
	if err != nil {
		return err
	}
	client, err := local.Dial(ctx, socket)
	if err != nil {
		return fmt.Errorf("%w; start it with portcullis hook serve", err)
	}
	defer client.Close()
	if event.Kind == hook.Before {
		return g.beforeTool(ctx, client, event)
	}
	return afterTool(ctx, client, event)
}

func (g *globals) beforeTool(ctx context.Context, client *local.Client, event hook.Event) error {
	ask, err := event.Ask()
	if err != nil {
		return err
	}
	grant, err := client.Ask(ctx, ask, nil)
	if refused, is := errors.AsType[*local.RefusedError](err); is {
		answer, err := hook.Deny(refused.Refused)
		return errors.Join(err, g.tellPlatform(answer))
	}
	if err == nil {
		var answer []byte
		if answer, err = hook.Allow(grant); err == nil {
			err = g.tellPlatform(answer)
		}
	}
	if err != nil && grant.Intent != "" { // it came too late, or the platform does not know of it
		_, _ = client.Report(ctx, local.Report{Key: ask.Key, Status: local.StatusNotStarted, Note: local.Note(err.Error())}) // else it ends at its deadline
	}
	return err
}

func (g *globals) tellPlatform(answer []byte) error {
	if len(answer) == 0 {
		return errors.New("there is no answer")
	}
	_, err := g.stdout.Write(append(answer, '\n'))
	return err
}

// errOutcome: the platform ran the tool, and the ledger does not say that all is well.
var errOutcome = errors.New("the tool ran, and the ledger has no success of it")

func afterTool(ctx context.Context, client *local.Client, event hook.Event) error {
	report, err := event.Report()
	if err != nil {
		return err
	}
	recorded, err := client.Report(ctx, report)
	if err != nil {
		return err
	}
	if recorded.Status == "" || event.Kind == hook.After && report.Status == local.StatusDone && recorded.Status != "EXECUTED" {
		return fmt.Errorf("%w: %s %s", errOutcome, recorded.Status, recorded.Text)
	}
	return nil
}
