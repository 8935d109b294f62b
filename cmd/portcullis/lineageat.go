package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/zone"
)

func newLineageAtCommand(p *lineageFlags) *cobra.Command {
	agent := ""
	c := &cobra.Command{
		Use:   "at POSITION|TIME [--agent NAME]",
		Short: "What was allowed at a position or at a time",
		Long: `Tells what governance allowed right behind a position of the ledger, or behind the last
position whose log time is not after a time (RFC 3339): release, halts, revocations, the
newest pulse, and which agent might ask for which tool. Policies and limits decide on
each intent by itself: see lineage intent, and show. With --agent also the agent's
sessions and what it had used of its limits, for which every verdict is derived again.

JSON: {"position","log_time","epoch","governance_head","release":{…},"halts":[…],"revoked":[…],"pulse":{…},"closed","tools":[…],
"agents":[{"name","tools":{TOOL:"open"|"not_granted"|"halted"|"revoked"}}],"agent","sessions":[…],"limits":[…],"blind"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.reads(c.Context(), false, func(ctx context.Context, l *lineageReader) error { return p.at(ctx, l, args[0], agent) })
		},
	}
	c.Flags().StringVar(&agent, "agent", "", "an agent of this zone")
	return c
}

func (p *lineageFlags) at(ctx context.Context, l *lineageReader, where, agent string) error {
	at, err := l.position(ctx, where)
	if err != nil {
		return err
	}
	standing, err := zone.AllowedAt(ctx, l.source, l.config, at, agent)
	if err != nil {
		return err
	}
	return p.tell(standing, func() string { return standingText(standing) }, nil)
}

// position reads a position, or finds that of a time.
func (l *lineageReader) position(ctx context.Context, where string) (uint64, error) {
	if at, err := strconv.ParseUint(where, 10, 64); err == nil {
		if at == 0 || at > l.last {
			return 0, usage(fmt.Errorf("the ledger has positions 1 to %d", l.last))
		}
		return at, nil
	}
	t, err := time.Parse(time.RFC3339, where)
	if err != nil {
		return 0, usage(fmt.Errorf("%q is neither a position nor a time; write 17, or 2026-11-22T04:00:00Z", where))
	}
	at, err := zone.PositionAt(ctx, l.source, l.last, t)
	if err == nil && at == 0 {
		err = usage(fmt.Errorf("the ledger begins after %s; give a later time", where))
	}
	return at, err
}

func standingText(s zone.StandingAt) string {
	var b strings.Builder
	b.WriteString(s.String())
	if s.Agent == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "%s: sessions %s\n", s.Agent, orNone(s.Sessions))
	for _, l := range s.Limits {
		of := ""
		if l.Tool != "" {
			of = " for " + l.Tool
		}
		fmt.Fprintf(&b, "  limit %s%s: %d of %d within %v\n", l.Limit, of, l.Used, l.Max, l.Window)
	}
	if s.Blind {
		b.WriteString("  limits cannot be told: arguments that count in them are sealed\n")
	}
	return b.String()
}
