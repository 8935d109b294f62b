package house

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// Code is not prose: what looks like a link inside it is none.
var (
	fences   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	spans    = regexp.MustCompile("`[^`\n]*`")
	links    = regexp.MustCompile(`\]\(\s*<?([^)>\s]+)`)
	refLinks = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)`)
	scheme   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
)

// TestLinksResolve follows every relative link of the documents at the root and under docs/.
func TestLinksResolve(t *testing.T) {
	for _, fault := range linkFaults(t, os.DirFS("..")) {
		t.Error(fault)
	}
}

func linkFaults(t *testing.T, root fs.FS) []string {
	t.Helper()
	var faults []string
	for _, document := range documents(t, root) {
		text, err := fs.ReadFile(root, document)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range relativeLinks(string(text)) {
			name := path.Join(path.Dir(document), target)
			if _, err := fs.Stat(root, name); err != nil {
				faults = append(faults, fmt.Sprintf("%s: the link to %s leads nowhere: %v", document, target, err))
			}
		}
	}
	return faults
}

func documents(t *testing.T, root fs.FS) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	if len(found) == 0 {
		t.Fatal("found no document at all, so looked at the wrong place")
	}
	return found
}

// relativeLinks returns the files that a Markdown text links to, without fragments.
func relativeLinks(text string) []string {
	text = spans.ReplaceAllString(fences.ReplaceAllString(text, ""), "")
	var targets []string
	for _, match := range append(links.FindAllStringSubmatch(text, -1), refLinks.FindAllStringSubmatch(text, -1)...) {
		target, _, _ := strings.Cut(match[1], "#")
		if target != "" && !scheme.MatchString(target) {
			targets = append(targets, target)
		}
	}
	return targets
}

func TestLinkRuleBites(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"file", "see [the guide](docs/guide.md)", ""},
		{"folder", "see [core](core)", ""},
		{"fragment of a file", "[x](docs/guide.md#top)", ""},
		{"fragment alone", "[x](#top)", ""},
		{"elsewhere", "[x](https://example.org/a) [m](mailto:a@example.org)", ""},
		{"code span", "write `[x](gone.md)`", ""},
		{"code block", "```\nf[i](gone.md)\n```\n", ""},
		{"missing file", "[x](gone.md)", "gone.md leads nowhere"},
		{"missing file with fragment", "[x](gone.md#a)", "gone.md leads nowhere"},
		{"missing image", "![x](gone.png)", "gone.png leads nowhere"},
		{"missing reference", "[x][r]\n\n[r]: gone.md\n", "gone.md leads nowhere"},
		{"out of the repository", "[x](../gone.md)", "gone.md leads nowhere"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := fstest.MapFS{
				"README.md":       {Data: []byte(test.text)},
				"docs/guide.md":   {Data: []byte("back to [the start](../README.md)")},
				"core/trust/a.go": {},
			}
			expect(t, linkFaults(t, root), test.want)
		})
	}
}
