package tiles

import (
	"path/filepath"
	"testing"
)

// One entry, with a commit and a checkpoint for each 5,000: what a recorder does
// in half a second under load.
func BenchmarkAppend(b *testing.B) {
	l, err := open(newDisk(filepath.Join(b.TempDir(), "tree")))
	must(b, err)
	one := make([]byte, 150) // as long as a ledger's entry
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		must(b, l.Append(one))
		if i%5000 == 4999 {
			must(b, l.Commit())
			must(b, l.SetCheckpoint(note(l.Size(), l.Root())))
		}
	}
}

// What is on disk is compared at each start, entry by entry.
func BenchmarkHolds(b *testing.B) {
	const size = 50_000
	l, err := open(newDisk(filepath.Join(b.TempDir(), "tree")))
	must(b, err)
	must(b, growTo(l, size))
	for i := uint64(0); b.Loop(); i = (i + 1) % size {
		if held, err := l.Holds(i, entry(i)); err != nil || !held {
			b.Fatal(held, err)
		}
	}
}
