package story

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestStageThatCannotBeSet: what was prepared is gone when the rest fails, and the
// error says what it was.
func TestStageThatCannotBeSet(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	for name, cfg := range map[string]Config{
		"no executable": {Executable: filepath.Join(t.TempDir(), "none")},
		"it ends early": {Executable: "/bin/false"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Tell = func(Step) error { return nil }
			if err := Run(t.Context(), cfg); err == nil {
				t.Fatal("it is told without parts")
			}
			left, err := os.ReadDir(folder)
			if err != nil || len(left) > 0 {
				t.Error(left, err)
			}
		})
	}
}

// TestStoppedBeforeItBegan: a story that is stopped says that it was.
func TestStoppedBeforeItBegan(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(ctx, Config{Executable: "/bin/false", Tell: func(Step) error { return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
