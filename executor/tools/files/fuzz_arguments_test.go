package files_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/files"
)

// FuzzArguments: a write that is not refused wrote exactly the content that its
// arguments state, at the path that policy judged, and nothing beside it. Arguments
// that the standard library reads otherwise (another case, twice the same name) are
// refused, not guessed.
func FuzzArguments(f *testing.F) {
	for _, text := range []string{
		`{"path":"a.txt","content":"x"}`, `{"path":"a.txt","content":"x","mode":"append"}`, `{"path":"a.txt","content":"x","mode":"create"}`,
		`{"path":"a.txt","path":"b.txt","content":"x"}`, `{"PATH":"a.txt","content":"x"}`, `{"path":"../a.txt","content":"x"}`, `{"path":"a.txt","content":"\ud800"}`,
		`{"path":"a.txt","content":null}`, `{"path":"a.txt","content":"x","owner":"root"}`, `{"path":"a.txt","content":"x"} {}`, `null`, `[]`, "",
	} {
		f.Add("a.txt", []byte(text), uint64(7))
	}
	f.Add("../a.txt", []byte(`{"path":"../a.txt","content":"x"}`), uint64(7))
	f.Add("a.txt", []byte(`{"path":"a.txt","content":"x"}`), uint64(0))
	f.Fuzz(func(t *testing.T, resource string, arguments []byte, token uint64) {
		root := t.TempDir()
		tool, err := files.New(root)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tool.Close() }()
		if _, err := tool.Write(t.Context(), resource, arguments, token); err != nil {
			return
		}
		var want struct{ Path, Content string }
		if err := json.Unmarshal(arguments, &want); err != nil || want.Path != resource || token == 0 {
			t.Fatalf("%q wrote %q (%v), token %d", arguments, resource, err, token)
		}
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(resource)))
		if err != nil || string(got) != want.Content {
			t.Fatalf("%q wrote %q, %v", arguments, got, err)
		}
	})
}
