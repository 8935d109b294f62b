//go:build faults

package single_test

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
)

// report is the table of fault and outcome of this run.
var report table

type table struct {
	mu   sync.Mutex
	rows [][3]string
}

// row says what came of a fault; of a test that failed, only that.
func (r *table) row(t testing.TB, fault, outcome string) {
	t.Helper()
	held := "as promised"
	if t.Failed() {
		held = "NOT AS PROMISED: " + t.Name()
	}
	t.Logf("%s: %s", fault, outcome)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, [3]string{fault, outcome, held})
}

func (r *table) print(w io.Writer) {
	slices.SortStableFunc(r.rows, func(a, b [3]string) int { return slices.Compare(a[:1], b[:1]) })
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer func() { _ = columns.Flush() }()
	for _, row := range r.rows {
		fmt.Fprintf(columns, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
}
