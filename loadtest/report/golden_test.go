package report_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/loadtest/report"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it with -update and git diff:\n%s", path, got)
	}
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]*result.Result{"steady": steady(), "ramp": ramp(), "hostile": hostile(), "empty": {}} {
		golden(t, name+".txt", written(t, report.Text, r))
	}
	golden(t, "steady.html", written(t, report.HTML, steady()))
	golden(t, "comparison.txt", written(t, report.Compare, compared()))
}

// written is what a report's writer wrote.
func written[T any](t testing.TB, write func(io.Writer, T) error, what T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, what); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
