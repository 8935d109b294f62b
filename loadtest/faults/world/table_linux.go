package world

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// tableVariable names a file to which the table is written, besides the test's output.
const tableVariable = "PORTCULLIS_FAULTS_TABLE"

// row is one fault and its outcome.
type row struct {
	fault, outcome string
	verdict        *Verdict
}

var table struct {
	sync.Mutex
	rows []row
}

// Tell adds a row to the table that is printed when all tests have run: what was done, and what came of it, in words, beside the
// figures of the verdict.
func (v *Verdict) Tell(fault, outcome string) {
	table.Lock()
	defer table.Unlock()
	table.rows = append(table.rows, row{fault, outcome, v})
}

// printTable prints what was told, where there is something.
func printTable() error {
	table.Lock()
	defer table.Unlock()
	if len(table.rows) == 0 {
		return nil
	}
	var b strings.Builder
	if err := writeTable(&b, table.rows); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "\n%s\n", &b)
	if path := os.Getenv(tableVariable); path != "" {
		return os.WriteFile(path, []byte(b.String()), 0o600)
	}
	return nil
}

func writeTable(to io.Writer, rows []row) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\toutcome\tlongest pause\teffects\tnot executed\trecords\tacknowledged\tlost\ttrips\tfindings")
	for _, r := range rows {
		v := r.verdict
		fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%s\t%d\t%d\t%d\t%s\t%d\n", r.fault, r.outcome, v.Pause.Round(100*time.Millisecond), v.Effects,
			v.notExecuted(), v.Records, v.Acked, v.Lost, v.tripped(), len(v.Audit.Findings))
	}
	return w.Flush()
}

// notExecuted is what became of claims that were valid and not executed.
func (v *Verdict) notExecuted() string {
	var words []string
	for _, s := range slices.Sorted(maps.Keys(v.Outcomes)) {
		if s != pb.Status_STATUS_EXECUTED {
			words = append(words, fmt.Sprintf("%d %s", v.Outcomes[s], strings.ToLower(strings.TrimPrefix(s.String(), "STATUS_"))))
		}
	}
	return orNone(words)
}

func (v *Verdict) tripped() string {
	var words []string
	for _, rule := range slices.Sorted(maps.Keys(v.Trips)) {
		words = append(words, fmt.Sprintf("%d × %s", v.Trips[rule], rule))
	}
	return orNone(words)
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
