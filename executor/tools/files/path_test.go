package files

import (
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzSplit is the fast half of FuzzPath: admitted paths are local, clean and
// unreserved by the standard library's reading.
func FuzzSplit(f *testing.F) {
	for _, p := range []string{"a", "a/b.txt", "../a", "/a", "a//b", "a/./b", "é/ü", ".portcullis", "a/.PORTCULLIS-x", "a\\b", "a\x00", "..a/b..", "C:a"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		segments, err := split(p)
		if err != nil {
			return
		}
		if !filepath.IsLocal(p) || path.Clean(p) != p || p == "." || strings.Join(segments, "/") != p {
			t.Fatalf("%q was admitted as %q", p, segments)
		}
		for _, segment := range segments {
			if strings.HasPrefix(strings.ToLower(segment), ".portcullis") {
				t.Fatalf("%q reaches what is reserved", p)
			}
		}
	})
}
