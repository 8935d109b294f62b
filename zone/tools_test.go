package zone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func newFabric(t *testing.T) *fabric.Fabric {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{TrustDomain: "tools.test", Zone: "home", Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestToolsTemplate: what init writes is read back, serves every tool of the
// default release, and is left alone by a second init.
func TestToolsTemplate(t *testing.T) {
	f := newFabric(t)
	bank, err := zone.StartBank(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	for _, address := range []string{bank.Address(), "127.0.0.1:1"} {
		if err := zone.EnsureTools(f, address); err != nil {
			t.Fatal(err)
		}
	}
	config, err := zone.ReadTools(f)
	if err != nil {
		t.Fatal(err)
	}
	if config.Bank.Listen != bank.Address() || config.Files.Root != f.FilesDir() {
		t.Errorf("bank at %s, files under %s", config.Bank.Listen, config.Files.Root)
	}
	tools, err := zone.OpenTools(config)
	if err != nil {
		t.Fatal(err)
	}
	defer tools.Close()
	handlers, err := tools.Handlers("x1", []string{"file-read", "file-write", "http-get", "transfer"})
	if err != nil || len(handlers) != 4 {
		t.Fatalf("%d handlers, %v", len(handlers), err)
	}
	act := func(tool, resource, arguments string) (executor.Result, error) {
		return handlers[tool].Handle(t.Context(), executor.Action{
			Intent: &pb.Intent{Tool: tool, Resource: resource, Arguments: []byte(arguments)}, Token: 512, Digest: [32]byte{1},
		})
	}
	if r, err := act("file-read", "public/welcome.txt", `{"path":"public/welcome.txt"}`); err != nil || !strings.Contains(string(r.Data), "Welcome") {
		t.Errorf("%s, %v", r.Data, err)
	}
	if _, err := act("file-write", "out/new.txt", `{"path":"out/new.txt","content":"new"}`); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(f.FilesDir(), "out", "new.txt")); string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	for range 2 { // the bank books an intent once
		if _, err := act("transfer", "acme", `{"to":"acme","amount":5,"currency":"EUR"}`); err != nil {
			t.Error(err)
		}
	}
	if books := bank.Transfers(); len(books) != 1 || books[0].Amount != 5 || books[0].To != "acme" {
		t.Errorf("%v", books)
	}
	for name, refused := range map[string][3]string{
		"another account than policy judged": {"transfer", "bob", `{"to":"acme","amount":5,"currency":"EUR"}`},
		"a host that is not on the list":     {"http-get", "https://example.org/", `{"url":"https://example.org/"}`},
		"a path out of the root":             {"file-read", "../fabric.json", `{"path":"../fabric.json"}`},
	} {
		if r, err := act(refused[0], refused[1], refused[2]); err == nil {
			t.Errorf("%s: %s", name, r.Data)
		}
	}
}

// TestToolsRefused: whatever could mean two things, or belongs to others, is refused.
func TestToolsRefused(t *testing.T) {
	tests := map[string]struct{ text, says string }{
		"empty":              {"", "EOF"},
		"unknown key":        {"flies: {}\n", "field flies not found"},
		"twice":              {"files: {root: files}\nfiles: {root: out}\n", "already defined"},
		"two documents":      {"files: {root: files}\n---\nfiles: {root: out}\n", "more than one document"},
		"no such root":       {"files: {root: nowhere, read: [file-read]}\n", "must be a directory"},
		"tool named twice":   {"files: {root: files, read: [a], write: [a]}\n", "named twice"},
		"file and endpoint":  {"files: {root: files, read: [a]}\nendpoints: [{tool: a, url: 'https://example.com:443/'}]\n", "named twice"},
		"two endpoints":      {"endpoints: [{tool: a, url: 'https://example.com:443/'}, {tool: a, url: 'https://example.org:443/'}]\n", "another entry"},
		"rule and endpoint":  {"http: [{tool: a, method: GET, scheme: https, host: 'example.com:443', path: /}]\nendpoints: [{tool: a, url: 'https://example.com:443/'}]\n", "another entry"},
		"nameless":           {"files: {root: files, read: ['']}\n", "not at all"},
		"a rule without URL": {"http: [{tool: a, method: GET}]\n", "not usable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFabric(t)
			if err := os.WriteFile(filepath.Join(f.Dir, "tools.yaml"), []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			config, err := zone.ReadTools(f)
			if err == nil {
				_, err = zone.OpenTools(config)
			}
			if !errors.Is(err, zone.ErrTools) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, and %q is wanted", err, test.says)
			}
		})
	}
	f := newFabric(t)
	if _, err := zone.ReadTools(f); !errors.Is(err, zone.ErrTools) || !strings.Contains(err.Error(), "portcullis init") {
		t.Errorf("missing: %v", err)
	}
	if err := zone.EnsureTools(f, zone.DefaultBank); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(f.Dir, "tools.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := zone.ReadTools(f); !errors.Is(err, fabric.ErrExposed) {
		t.Errorf("open to others: %v", err)
	}
}

func TestToolsWithoutEntry(t *testing.T) {
	tools, err := zone.OpenTools(zone.ToolsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer tools.Close()
	if _, err := tools.Handlers("x1", []string{"file-read"}); !errors.Is(err, zone.ErrTools) || !strings.Contains(err.Error(), `"file-read"`) {
		t.Errorf("%v", err)
	}
}

// TestWatch: enrolling is seen, and nothing else is.
func TestWatch(t *testing.T) {
	f := newFabric(t)
	seen := make(chan struct{})
	stop := errors.New("stop")
	ended := make(chan error, 1)
	go func() {
		ended <- zone.Watch(t.Context(), f, time.Millisecond, func() error { close(seen); return stop })
	}()
	select {
	case <-seen:
		t.Error("a change was seen before there was one")
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "robin"}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, stop) {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := zone.Watch(cancelled, f, time.Hour, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
