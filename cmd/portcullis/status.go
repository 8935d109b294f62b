package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/zone"
)

// statusFlags say how the status is told.
type statusFlags struct{ watch, wide bool }

func newStatusCommand(g *globals) *cobra.Command {
	var flags statusFlags
	c := &cobra.Command{
		Use:   "status [--watch] [--wide]",
		Short: "The fabric at a glance: armed, or why not",
		Long: `Listens to heartbeats for three intervals, reads the newest part of the ledger, and
tells: armed or why not, release, epoch, halts, the newest pulse, how far checkpoints
cover the ledger, every participant
that is expected to beat, what drifts, and how many intents wait for approval.
Everything has its age. Who was not heard is silent, and silence is never well.
A halt of a part of the zone is listed; only one of all of it unarms the fabric.

--watch tells it again each second, until Ctrl-C.

Exit code 0: armed; 9: not armed, or not to be seen.

JSON: {"at","armed","why":[…],"ledger","position","log_time","release":{"version","digest","expires"},"epoch","head","halts":[…],
"last_halt":{…,"drill","in_force"},"pulse":{"by","age_ms","position","fault"},"evidence":{"state","why","recorder","recorders","size","root","age_ms","uncovered",
"cosigned","witnesses","needed"},"participants":[{"role","name","state","why","age_ms","position",
"behind","running","halted_running","epoch","release","incarnation","build","config","clock"}],"findings":[{"level","rule","subject","detail","by",
"since","age_ms"}],"approvals_waiting"}; without --watch once`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.status(c.Context(), flags) },
	}
	c.Flags().BoolVar(&flags.watch, "watch", false, "tell it again each second")
	c.Flags().BoolVar(&flags.wide, "wide", false, "show builds, configurations and incarnations too")
	return c
}

// watchEvery is how often --watch tells the status.
const watchEvery = time.Second

func (g *globals) status(ctx context.Context, flags statusFlags) error {
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	observer, err := zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: conn, Back: zone.PulseBack, Heartbeats: true, Approvals: true})
	if err != nil {
		return err
	}
	defer observer.Close()
	reading, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	if err := observer.Heard(reading); err != nil {
		return orUnreachable(err)
	}
	if flags.watch {
		return g.watchStatus(ctx, observer, flags)
	}
	s, err := g.tellStatus(ctx, observer, flags)
	if err == nil && len(s.Unarmed) > 0 {
		return silent(exitUnarmed)
	}
	return err
}

// readWithin bounds reading the newest part of a ledger where a person waits.
const readWithin = 30 * time.Second

func (g *globals) tellStatus(ctx context.Context, observer *zone.Observer, flags statusFlags) (zone.Status, error) {
	s, err := observer.Status(ctx)
	if err != nil {
		return s, err
	}
	if g.json {
		return s, writeJSON(g.stdout, s.Report())
	}
	return s, g.say(nil, "%s", statusText(&s, flags.wide))
}

// watchStatus tells the status until it is interrupted.
func (g *globals) watchStatus(ctx context.Context, observer *zone.Observer, flags statusFlags) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if g.onTerminal() && !g.json {
			fmt.Fprint(g.stdout, "\x1b[H\x1b[2J") // home, and clear
		}
		if _, err := g.tellStatus(ctx, observer, flags); err != nil {
			return orEnded(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// onTerminal reports whether a person's terminal shows what is written.
func (g *globals) onTerminal() bool {
	file, ok := g.stdout.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
