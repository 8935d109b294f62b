package vectors_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vectors holds a file to what this code says now. Bytes are hexadecimal in them.
func vectors[T any](t *testing.T, name string, rows []T) {
	t.Helper()
	want, err := json.MarshalIndent(rows, "", " ")
	must(t, err)
	want = append(want, '\n')
	if *update {
		must(t, os.WriteFile(name, want, 0o600))
	}
	kept, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Equal(kept, want) {
		t.Errorf("%s is not current; run: go test ./sdk/vectors -update, then make sdk-test console-test", name)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
