package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHookInstall: a file is changed once, whole, where it is, and back.
func TestHookInstall(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "own.json"), filepath.Join(dir, "settings.json")
	own := "{\n  \"model\": \"x\"\n}\n"
	must(t, os.WriteFile(file, []byte(own), 0o640))
	must(t, os.Symlink(file, link))
	hook := func(exit int, words ...string) string {
		t.Helper()
		out, stderr, got := cli(t, append(append([]string{"--data", filepath.Join(dir, "data"), "hook"}, words...), "--settings", link)...)
		if got != exit {
			t.Fatalf("%v: exit %d: %s", words, got, stderr)
		}
		return out
	}
	read := func() string {
		t.Helper()
		text, err := os.ReadFile(file)
		must(t, err)
		return string(text)
	}
	demandText := func(text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("lacks %q:\n%s", w, text)
			}
		}
	}
	demandText(hook(exitDone, "install", "--dry-run"), `+       `, `"onFailure": "block"`, "was not changed")
	if read() != own {
		t.Error("a dry run changed it")
	}
	hook(exitDone, "install")
	installed := read()
	demandText(installed, `"model": "x"`, `"PreToolUse"`, `"PostToolUse"`, `"PostToolUseFailure"`, filepath.Join(dir, "data"))
	demandText(hook(exitDone, "install"), "as it should be")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	hook(exitDone, "uninstall")
	if read() != own {
		t.Errorf("taken out again: %s", read())
	}
	must(t, os.WriteFile(file, []byte(`{"disableAllHooks": true}`), 0o600))
	hook(exitError, "install")
	hook(exitUsage, "install", "--name", "No Name")
}
