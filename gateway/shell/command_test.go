package shell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFind: what is run is what policies were told, and what they cannot be told is
// not run.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	tool, plain := filepath.Join(dir, "tool"), filepath.Join(dir, "plain")
	for path, mode := range map[string]os.FileMode{tool: 0o700, plain: 0o600} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	c, err := Find([]string{"tool", "a\nb", "a\nb"}, "/w")
	if err != nil || c.Path != tool {
		t.Fatalf("%+v, %v", c, err)
	}
	ask, err := c.Ask("k", "shell", "")
	want := `{"command":"` + tool + `","args":["a\nb","a\nb"],"line":"[\"tool\",\"a\\nb\",\"a\\nb\"]","dir":"/w"}`
	if err != nil || string(ask.Arguments) != want || ask.Resource != tool || ask.Detached {
		t.Errorf("%s %+v, %v", ask.Arguments, ask, err)
	}
	if ask, err := c.Ask("k", "shell", "r"); err != nil || ask.Resource != "r" {
		t.Errorf("%+v, %v", ask, err)
	}
	for name, tc := range map[string]struct {
		argv []string
		want error
	}{
		"none":           {nil, ErrNotFound},
		"empty":          {[]string{""}, ErrNotFound},
		"not there":      {[]string{"nothing"}, ErrNotFound},
		"no program":     {[]string{plain}, ErrNotExecutable},
		"NUL":            {[]string{tool, "a\x00b"}, ErrNotExecutable},
		"invalid UTF-8":  {[]string{tool, "\xff"}, ErrNotExecutable},
		"too long a one": {[]string{strings.Repeat("x", 300)}, ErrNotFound},
	} {
		if c, err := Find(tc.argv, "/w"); !errors.Is(err, tc.want) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}
