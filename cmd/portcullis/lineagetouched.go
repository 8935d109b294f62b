package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// releasedLine is what is told of one release.
type releasedLine struct {
	Release history.Governed `json:"release"`
	history.Page
}

func newLineageReleaseCommand(p *lineageFlags) *cobra.Command {
	query := history.Query{}
	c := &cobra.Command{
		Use:   "release VERSION",
		Short: "What one release decided",
		Long: `Tells a release's own record, then every intent on which a vote was cast under it,
page by page.

JSON: {"release":{"position","log_time","epoch","id","record","version","by":[…]},"intents":[{…}],"total","next"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			version, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || version == 0 {
				return usage(fmt.Errorf("%q is not a release's version; write for example 3", args[0]))
			}
			query.Release = version
			return p.reads(c.Context(), true, func(ctx context.Context, l *lineageReader) error { return p.released(ctx, l, query) })
		},
	}
	registerPage(c, &query)
	return c
}

func (p *lineageFlags) released(ctx context.Context, l *lineageReader, query history.Query) error {
	h, err := l.history(ctx)
	if err != nil {
		return err
	}
	for _, release := range h.Releases() {
		if release.Version != query.Release {
			continue
		}
		page, err := h.Search(query)
		if err != nil {
			return err
		}
		return p.tell(releasedLine{release, page}, func() string {
			return fmt.Sprintf("%d at %s: %s\n%s", release.Position, release.LogTime.Format(columnTime), release, pageText(page))
		}, func() history.Graph { return history.Between(page.Intents) })
	}
	return fmt.Errorf("the ledger has no release %d; see what it has with: portcullis tail --kind governance --from 1 --follow=false", query.Release)
}

// touchedLine is what is told of a key or an identity.
type touchedLine struct {
	Touched history.Touched `json:"touched"`
	history.Page
}

func newLineageKeyCommand(p *lineageFlags) *cobra.Command {
	query := history.Query{}
	c := &cobra.Command{
		Use:   "key KEYID|SPIFFE",
		Short: "What one key or one identity signed",
		Long: `Tells by which credentials a key was introduced and since when it is revoked, which
governance records it signed, and every intent about which it signed something, page by
page. KEYID is the first 4 or more digits; a SPIFFE ID means all of its keys.

JSON: {"touched":{"identity","key_id","keys":[…],"governance":[…],"pulses","intents"},"intents":[{…}],"total","next"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.reads(c.Context(), true, func(ctx context.Context, l *lineageReader) error { return p.touched(ctx, l, args[0], query) })
		},
	}
	registerPage(c, &query)
	return c
}

func (p *lineageFlags) touched(ctx context.Context, l *lineageReader, who string, query history.Query) error {
	h, err := l.history(ctx)
	if err != nil {
		return err
	}
	var touched history.Touched
	if strings.Contains(who, "://") {
		if _, err := trust.ParseIdentity(who); err != nil {
			return usage(err)
		}
		query.Identity, touched = who, h.TouchedByIdentity(who)
	} else {
		if query.Key, err = h.FindKey(who); err != nil {
			return err
		}
		touched = h.TouchedByKey(query.Key)
	}
	page, err := h.Search(query)
	if err != nil {
		return err
	}
	return p.tell(touchedLine{touched, page}, func() string { return touched.String() + pageText(page) },
		func() history.Graph { return history.Between(page.Intents) })
}
