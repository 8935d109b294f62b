//go:build load

package peers

import (
	"os"
	"testing"
)

// TestEnginesAgree: OPA and Cerbos give the right answers to every question, at every size. It needs their programs:
// make peers-tools builds them, make peers runs it.
func TestEnginesAgree(t *testing.T) {
	programs, err := Programs(os.Getenv("PEERS_BIN"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		for _, as := range spellings[p.Name] {
			for _, n := range []int{1, 100, 1000, MostRules} {
				s, err := as.start(t.Context(), p.Path, t.TempDir(), task(t, n), 1)
				if err != nil {
					t.Fatalf("%s, %d policies: %v", as.engine, n, err)
				}
				if err := s.agree(t.Context()); err != nil {
					t.Errorf("%s, %d policies: %v", as.engine, n, err)
				}
				s.close()
			}
		}
	}
}
