package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnrollFromAStaleCopy: a folder that is behind its ledger is told so, and
// not that all is well.
func TestEnrollFromAStaleCopy(t *testing.T) {
	data := newZone(t)
	stale := filepath.Join(t.TempDir(), "stale")
	must(t, os.CopyFS(stale, os.DirFS(data)))
	must(t, filepath.WalkDir(stale, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
	serve(t, data, "server")
	if out, stderr, exit := cli(t, "--data", data, "enroll", "agent", "from-here"); exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	out, stderr, exit := cli(t, "--data", stale, "enroll", "agent", "from-there")
	if exit != exitLocalState || !strings.Contains(stderr, "took no effect") || !strings.Contains(stderr, "show --keep") || out != "" {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
}
