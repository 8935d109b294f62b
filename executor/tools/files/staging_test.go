package files

import (
	"context"
	"errors"
	"os"
	"testing"
)

// TestLastLook: a context that ends while the staging file is synced still stops
// the write.
func TestLastLook(t *testing.T) {
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, fresh := range []bool{false, true} {
		s := staging{dir: dir, name: "a", temp: "t", perm: private, fresh: fresh}
		if err := s.publish(ctx, nil); !errors.Is(err, context.Canceled) { // nothing to pour, so no earlier look
			t.Errorf("fresh %v: %v", fresh, err)
		}
		for _, name := range []string{"a", "t"} {
			if _, err := dir.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("fresh %v: %s is there (%v)", fresh, name, err)
			}
		}
	}
}
