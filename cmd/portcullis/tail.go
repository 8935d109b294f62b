package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// tailFlags say which part of the ledger is told.
type tailFlags struct {
	from   string
	kinds  []string
	all    bool
	follow bool
}

func newTailCommand(g *globals) *cobra.Command {
	flags := tailFlags{}
	c := &cobra.Command{
		Use:   "tail [--from POSITION] [--kind KIND …]",
		Short: "Tell the ledger, line by line, as it grows",
		Long: `Tells the ledger as it grows: position, log time, kind, who signed, and what it
says, with the ruling on each claim. Pulses are left out unless asked for.

JSON: one object a line: {"position","log_time","kind","by":[…],"text", and one object named like the kind}.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.tail(c.Context(), flags) },
	}
	c.Flags().StringVar(&flags.from, "from", "", "first position to tell, 1 for all (default: the last ten minutes)")
	c.Flags().StringSliceVar(&flags.kinds, "kind", nil, "tell these kinds only: "+strings.Join(tailKinds(), ", "))
	c.Flags().BoolVar(&flags.all, "all", false, "tell pulses too")
	c.Flags().BoolVar(&flags.follow, "follow", true, "go on as the ledger grows")
	return c
}

// tailKinds are the kinds of lines.
func tailKinds() []string {
	kinds := []string{"noise"}
	for _, k := range schemas.Kinds() {
		if k.Prefix == ledgerPrefix {
			kinds = append(kinds, k.Name)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// ledgerPrefix marks the kinds that stand on the ledger (schemas.KindInfo).
const ledgerPrefix = "fabric"

func (flags tailFlags) check() (from uint64, err error) {
	for _, kind := range flags.kinds {
		if !slices.Contains(tailKinds(), kind) {
			return 0, usage(fmt.Errorf("--kind %q is unknown; give one of %s", kind, strings.Join(tailKinds(), ", ")))
		}
	}
	if flags.from == "" {
		return 0, nil
	}
	at, err := ledger.ParsePosition(flags.from)
	if err != nil {
		return 0, usage(fmt.Errorf("--from: %w", err))
	}
	return at.Seq, nil
}

// tells reports whether a line is asked for.
func (flags tailFlags) tells(l transcript.Line) bool {
	if len(flags.kinds) > 0 {
		return slices.Contains(flags.kinds, l.Kind)
	}
	return flags.all || l.Pulse == nil
}

func (g *globals) tail(ctx context.Context, flags tailFlags) error {
	from, err := flags.check()
	if err != nil {
		return err
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	last, err := conn.Last(ctx)
	if err != nil {
		return err
	}
	if from == 0 {
		if from, err = conn.SeqAt(ctx, time.Now().Add(-recently)); err != nil {
			return err
		}
	}
	cfg := feedOf(f, conn)
	if cfg.FromSeq, err = warmUp(ctx, f, conn, min(from, last)); err != nil {
		return err
	}
	teller := transcript.NewTeller()
	step := func(fold *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
		for _, l := range teller.Tell(fold, ev) {
			if ev.Seq < from || !flags.tells(l) {
				continue
			}
			if err := g.say(l, "%s\n", l.Columns(l.LogTime.Format(columnTime))); err != nil {
				return err
			}
		}
		return nil
	}
	if flags.follow {
		err = feed.Run(ctx, cfg, transcript.Prepare, step)
	} else {
		err = feed.Until(ctx, cfg, last, transcript.Prepare, step)
	}
	if ended(ctx, err) {
		return nil
	}
	return err
}

const (
	recently   = 10 * time.Minute
	columnTime = "2006-01-02T15:04:05.000Z" // log times are UTC
)

// openLedger opens the data folder and connects as somebody who may read.
func (g *globals) openLedger(ctx context.Context) (*fabric.Fabric, *streams.Conn, error) {
	f, log, broker, err := g.openAt()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := zone.ConnectReader(ctx, f, broker, log)
	if err != nil && ctx.Err() != nil {
		err = unreachable(err)
	}
	return f, conn, err
}

// feedOf reads the fabric's ledger from its beginning.
func feedOf(f *fabric.Fabric, conn *streams.Conn) feed.Config {
	return feed.Config{Conn: conn, Zone: f.Zone, Ledger: f.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler)}
}

// warmUp is where to begin so that what is told of a position is true: the
// decisions and the pulse on which a claim there may rest stand at most the
// longest deadline and the longest pulse limit before it.
func warmUp(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, from uint64) (uint64, error) {
	if from <= 1 {
		return 1, nil
	}
	bounds, err := feed.Longest(ctx, conn, f.Zone, f.Ledger)
	if err != nil {
		return 0, err
	}
	first, err := conn.Get(ctx, from)
	if err != nil {
		return 0, err
	}
	seq, err := conn.SeqAt(ctx, first.Time.Add(-bounds.MaxDeadline-longestPulseLimit))
	if err != nil {
		return 0, err
	}
	return max(seq, 2) - 1, nil // so that nothing lies between the moment and the beginning
}

const longestPulseLimit = time.Minute // that a release may state
