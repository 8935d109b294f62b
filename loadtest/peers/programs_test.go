package peers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPrograms: a program that is missing, or that does not say what it was built of, is an error and nobody's skip.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	if _, err := Programs(dir); err == nil || !strings.Contains(err.Error(), "make peers-tools") {
		t.Errorf("nothing there: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{OPA, Cerbos} { // a test's own executable is of no release
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Programs(dir); err == nil || !strings.Contains(err.Error(), "does not say of which release") {
		t.Errorf("programs of no release: %v", err)
	}
}

// TestStartSaysWhy: a server that ends before it is ready says why.
func TestStartSaysWhy(t *testing.T) {
	_, err := start(t.Context(), "http://127.0.0.1:1/health", "sh", "-c", "echo out of luck; exit 3")
	if err == nil || !strings.Contains(err.Error(), "out of luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	right := func() Config {
		return Config{Programs: Skip("x"), Executable: "x", Policies: []int{1}, Outstanding: []int{1}, For: time.Second, Dir: "x"}
	}
	if c := right(); c.Check() != nil {
		t.Error(c.Check())
	}
	for name, wrong := range map[string]func(*Config){
		"nothing":          func(c *Config) { *c = Config{} },
		"no programs":      func(c *Config) { c.Programs = nil },
		"no sizes":         func(c *Config) { c.Policies = nil },
		"no policies":      func(c *Config) { c.Policies = []int{0} },
		"too many":         func(c *Config) { c.Policies = []int{1, MostRules + 1} },
		"none outstanding": func(c *Config) { c.Outstanding = []int{0} },
		"all outstanding":  func(c *Config) { c.Outstanding = []int{mostOutstanding + 1} },
		"no time":          func(c *Config) { c.For = 0 },
	} {
		c := right()
		wrong(&c)
		if c.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
