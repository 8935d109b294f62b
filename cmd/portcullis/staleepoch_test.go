package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var releases = flag.Int("releases", 8, "releases of TestStaleEpochUnderLoad, at least")

// mostReleases ends the search for a stale claim.
const mostReleases = 400

// TestStaleEpochUnderLoad publishes releases while agents act and two enforcers
// decide. Each decision is of exactly one release, the one that stood before its
// intent, and nobody acts on a decision from before a release under a claim
// behind it. It goes on until some claim was stale, else it would mean nothing.
func TestStaleEpochUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	z := newBoundZone(t)
	z.startAll(nil)
	stop := z.load()
	book, published, stale := newAccount(), 0, 0
	for published < *releases || stale == 0 && published < mostReleases {
		z.await(boundWorkers)
		published++
		z.publish(published)
		must(t, book.read(t.Context(), z.reader))
		stale, _ = book.staleClaims()
	}
	z.await(boundWorkers)
	stop()
	book, _, acts := z.verdict()
	stale, wrong := book.staleClaims()
	z.complain(append(wrong, book.misjudged()...))
	seen := map[string]bool{}
	for _, c := range acts {
		seen[book.release(c.claim.Seq).String()] = true
	}
	t.Logf("%d releases, %d decided intents, %d acts under %d different releases, %d stale claims, all void",
		published, len(book.verdicts), len(acts), len(seen), stale)
	if stale == 0 {
		t.Errorf("no claim was stale in %d releases: this proves nothing", published)
	}
	if len(seen) <= published/2 {
		t.Errorf("actions happened under %d of %d releases only", len(seen), published)
	}
}

// publish makes and appends a release that differs in its note only. Whoever
// else finds it in the folder appends the same bytes, which count once.
func (z *boundZone) publish(number int) {
	z.t.Helper()
	path := filepath.Join(z.fabric.ReleaseDir(), "release.yaml")
	text, err := os.ReadFile(path)
	must(z.t, err)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "note:") {
			lines[i] = fmt.Sprintf("note: Nothing changes, for the %d. time.", number)
		}
	}
	must(z.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	record, err := z.fabric.Publish()
	must(z.t, err)
	z.appendSigned(record)
}
