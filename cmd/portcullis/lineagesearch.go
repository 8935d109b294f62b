package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
)

// searchFlags are a query as it is typed.
type searchFlags struct {
	query               history.Query
	agent, key, verdict string
	state, from, until  string
}

func newLineageSearchCommand(p *lineageFlags) *cobra.Command {
	flags := &searchFlags{}
	c := &cobra.Command{
		Use:   "search [--agent AGENT] [--tool TOOL] [--state STATE] [--reason CODE] …",
		Short: "Intents by who, what, when and what became of them",
		Long: `Tells the intents of which everything that is asked for is true, page by page. Times
are RFC 3339 and are log times. --by takes the SPIFFE ID of somebody who signed anything
about an intent, --key the first 4 or more digits of the id of the key.

JSON: {"intents":[{…}],"total","next"}; hand "next" back with --after for the next page`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.times(); err != nil {
				return err
			}
			return p.reads(c.Context(), true, func(ctx context.Context, l *lineageReader) error { return p.search(ctx, l, flags) })
		},
	}
	flags.register(c)
	return c
}

func (s *searchFlags) register(c *cobra.Command) {
	q, flags := &s.query, c.Flags()
	flags.StringVar(&s.agent, "agent", "", "who asked: a name of this zone or a SPIFFE ID")
	flags.StringVar(&q.Session, "session", "", "in which session; needs --agent")
	flags.StringVar(&q.Tool, "tool", "", "for which tool")
	flags.StringVar(&q.Resource, "resource", "", "a part of the resource")
	flags.Uint64Var(&q.Release, "release", 0, "decided under the release with this version")
	flags.StringVar(&s.verdict, "verdict", "", "what the newest quorum says: allow or deny")
	flags.StringVar(&q.Reason, "reason", "", "a reason that stands against it, for example session.gap")
	flags.StringVar(&s.state, "state", "", "what became of it: "+stateNames())
	flags.StringVar(&q.Identity, "by", "", "somebody who signed something about it: a SPIFFE ID")
	flags.StringVar(&s.key, "key", "", "a key that signed something about it")
	flags.StringVar(&s.from, "from", "", "not before this time")
	flags.StringVar(&s.until, "until", "", "before this time")
	flags.Uint64Var(&q.First, "first", 0, "not before this position")
	flags.Uint64Var(&q.Last, "last", 0, "not after this position")
	registerPage(c, q)
}

// registerPage lets a command be read page by page.
func registerPage(c *cobra.Command, q *history.Query) {
	c.Flags().IntVar(&q.Limit, "limit", history.DefaultPage, fmt.Sprintf("how many on a page, at most %d", history.MaxPage))
	c.Flags().StringVar(&q.After, "after", "", "the page after this one: what it calls next")
	c.Flags().BoolVar(&q.Newest, "newest", false, "newest first")
}

func stateNames() string {
	names := make([]string, 0, len(history.States()))
	for _, s := range history.States() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func (s *searchFlags) times() error {
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"from", s.from, &s.query.From}, {"until", s.until, &s.query.Until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return usage(fmt.Errorf("--%s %q is not a time; write for example 2026-11-22T04:00:00Z", t.name, t.text))
		}
		*t.to = at
	}
	s.query.Verdict, s.query.State = strings.ToUpper(s.verdict), history.State(s.state)
	return nil
}

func (p *lineageFlags) search(ctx context.Context, l *lineageReader, flags *searchFlags) error {
	h, err := l.history(ctx)
	if err != nil {
		return err
	}
	q := flags.query
	q.Agent = l.agent(flags.agent)
	if flags.key != "" {
		if q.Key, err = h.FindKey(flags.key); err != nil {
			return err
		}
	}
	page, err := h.Search(q)
	if err != nil {
		return err
	}
	return p.tell(page, func() string { return pageText(page) }, func() history.Graph { return history.Between(page.Intents) })
}

// pageText is a page in columns, and how to go on.
func pageText(page history.Page) string {
	text := fmt.Sprintf("%s%d of %s\n", history.Rows(page.Intents), len(page.Intents), plural(page.Total, "intent"))
	if page.Next != "" {
		text += "next page: --after " + page.Next + "\n"
	}
	return text
}
