package flood

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteTable writes a line for each flood.
func WriteTable(w io.Writer, all []Noticed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "flood\tquiet p50\tp99\tflooded p50\tp99\tmax\tunanswered\tp99 ratio\t")
	for _, n := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d of %d\t%.2f\t\n", n.Kind.Name, short(n.Quiet.P50), short(n.Quiet.P99),
			short(n.Flood.P50), short(n.Flood.P99), short(n.Flood.Max), n.Flood.Failed, n.Flood.Asked, n.Ratio())
	}
	return t.Flush()
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
