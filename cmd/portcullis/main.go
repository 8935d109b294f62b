// Command portcullis runs and uses a fail-closed governance fabric for AI
// agents. Every subcommand has a file of its own here, with flags and wiring
// only; what they do is in the packages below.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	collectRarely()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go endHard(signals)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// endHard ends the process at the second signal, whatever still waits: a read of a
// pipe that nobody writes to looks at no context. The system's own way to end it
// may have been turned off by whoever started this process.
func endHard(signals <-chan os.Signal) {
	<-signals
	<-signals
	os.Exit(exitError)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	g := &globals{stdout: stdout, stderr: stderr}
	root := newRootCommand(g)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !g.started {
		err = usage(err)
	}
	return g.report(err)
}
