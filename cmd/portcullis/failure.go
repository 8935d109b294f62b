package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// The exit codes. Scripts depend on them: they never change their meaning.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitRefused     = 3
	exitNotExecuted = 4
	exitUnreachable = 5
	exitUnanswered  = 6
	exitLocalState  = 7
	exitUnconfirmed = 8
	exitUnarmed     = 9
	exitFindings    = 10
)

// exitCode is one row of what `portcullis help exit-codes` prints.
type exitCode struct {
	code    int
	name    string // the "code" of JSON errors
	meaning string
	mend    string // what to do when the error itself does not say
}

var exitCodes = []exitCode{
	{exitDone, "done", "done: for propose, the action was executed", ""},
	{exitError, "error", "another error; the message says which", "read the log with --log-level debug"},
	{exitUsage, "usage", "the command line is wrong; nothing was done", "see portcullis help and portcullis COMMAND --help"},
	{exitRefused, "refused", "refused: the ledger holds a DENY with its reasons", "ask for what policy permits; portcullis policy explain tries it without asking"},
	{exitNotExecuted, "not_executed", "allowed, but not executed: failed, interrupted, abandoned or indeterminate", "look at the tool's own records before you ask again"},
	{exitUnreachable, "unreachable", "the ledger cannot be reached; nothing was done", "start it with portcullis up, or name a server with --server"},
	{exitUnanswered, "unanswered", "no answer before the deadline; the ledger knows what came of it", "see it with portcullis show"},
	{exitLocalState, "local_state", "the data folder, a key or a permission is not as it must be", "make a data folder with portcullis init, or name another with --data"},
	{exitUnconfirmed, "unconfirmed", "it stands on the ledger, but not every executor has confirmed it", "see who is silent with portcullis status"},
	{exitUnarmed, "unarmed", "for status: the fabric is not armed, or cannot be seen to be", "see portcullis status, and docs/operations.md"},
	{exitFindings, "findings", "for audit: something was found that must not be, the file is broken, or it is a range and --allow-range was not given", "see docs/evidence.md"},
}

// failure is an error whose exit code is known where it arises.
type failure struct {
	exit int
	err  error // nil: everything was said already
}

func (f *failure) Error() string {
	if f.err == nil {
		return exitCodes[f.exit].meaning
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usage marks an error of the command line.
func usage(err error) error { return &failure{exitUsage, err} }

// unreachable marks an error of reaching the ledger.
func unreachable(err error) error { return &failure{exitUnreachable, err} }

// orUnreachable marks an error as one of reaching the ledger if waiting for it
// is what went wrong. Of an append without an answer nobody knows whether it
// reached it.
func orUnreachable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, streams.ErrUnknown) {
		return unreachable(err)
	}
	return err
}

// silent ends the command with an exit code; its output has said why.
func silent(exit int) error { return &failure{exit: exit} }

// exitOf finds the exit code of an error.
func exitOf(err error) int {
	var known *failure
	var not *agent.NotExecuted
	var file *fs.PathError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &known):
		return known.exit
	case errors.Is(err, evidence.ErrBroken):
		return exitFindings
	case errors.Is(err, agent.ErrRefused):
		return exitRefused
	case errors.As(err, &not):
		return exitNotExecuted
	case errors.Is(err, streams.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, agent.ErrUnanswered), errors.Is(err, streams.ErrUnknown):
		return exitUnanswered
	case errors.Is(err, fabric.ErrNoFabric), errors.Is(err, fabric.ErrExposed), errors.Is(err, fabric.ErrRecords),
		errors.Is(err, fabric.ErrMark), errors.Is(err, zone.ErrTools), errors.Is(err, zone.ErrForeignLedger),
		errors.Is(err, fabric.ErrNoBrake), errors.Is(err, fabric.ErrHeld), errors.Is(err, streams.ErrStoreInUse), errors.Is(err, zone.ErrRuns), errors.As(err, &file):
		return exitLocalState
	default:
		return exitError
	}
}

// report tells an error: what is wrong, and how to mend it.
func (g *globals) report(err error) int {
	exit := exitOf(err)
	var known *failure
	if errors.As(err, &known) && known.err == nil {
		return exit
	}
	what, mend := err.Error(), ""
	if g.started { // before, they are not this house's words
		what, mend = split(what)
	}
	if mend == "" {
		mend = g.mendOf(err, exit)
	}
	if g.json {
		_ = writeJSON(g.stderr, map[string]any{"error": map[string]any{
			"code": exitCodes[exit].name, "exit": exit, "what": what, "mend": mend,
		}})
		return exit
	}
	fmt.Fprintf(g.stderr, "portcullis: %s\n", what)
	fmt.Fprintf(g.stderr, "  mend: %s\n", mend)
	return exit
}

// split takes an error's text apart: by the habit of this house, what to do
// stands after the last semicolon. A colon there means that a cause follows,
// unless it leads to a command to type. Several lines are several errors, each
// with its own.
func split(text string) (what, mend string) {
	i := strings.LastIndex(text, "; ")
	if i < 0 || strings.Contains(text, "\n") {
		return text, ""
	}
	mend = text[i+2:]
	if _, command, cause := strings.Cut(mend, ": "); cause && !strings.HasPrefix(command, "portcullis ") && !strings.HasPrefix(command, "chmod ") && !strings.HasPrefix(command, "chown ") {
		return text, ""
	}
	return text[:i], mend
}
