package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
)

func TestVersion(t *testing.T) {
	out, _, exit := cli(t, "version")
	if exit != exitDone || !regexp.MustCompile(`^portcullis \S+\nbuild  [0-9a-f]{64}\ngo     go1\.`).MatchString(out) {
		t.Errorf("exit %d: %s", exit, out)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _, exit := cli(t, "completion", shell); exit != exitDone || !strings.Contains(out, "portcullis") {
			t.Errorf("%s: exit %d", shell, exit)
		}
	}
}

// TestHelp: every command says what its JSON looks like, or runs no further.
func TestHelp(t *testing.T) {
	for _, c := range newRootCommand(&globals{}).Commands() {
		out, _, exit := cli(t, "help", c.Name())
		if exit != exitDone || c.RunE != nil && !c.HasSubCommands() && !strings.Contains(out, "JSON: ") {
			t.Errorf("%s: exit %d: %s", c.Name(), exit, out)
		}
		if _, _, exit := cli(t, c.Name(), "mistyped"); c.HasSubCommands() && exit != exitUsage {
			t.Errorf("%s mistyped: exit %d: a script would believe that it was done", c.Name(), exit)
		}
	}
}

func TestKeysNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	out, stderr, exit := cli(t, "keys", "new", path)
	if exit != exitDone {
		t.Fatal(stderr)
	}
	text, err := fabric.ReadSecret(path) // refuses a file that others can read
	must(t, err)
	key, err := trust.ParseSigningKey(text)
	must(t, err)
	if !strings.Contains(out, key.ID().String()) {
		t.Errorf("%s does not name %s", out, key.ID())
	}
	_, stderr, exit = cli(t, "keys", "new", path)
	again, err := os.ReadFile(path)
	if exit != exitLocalState || !strings.Contains(stderr, "name a file that does not exist") || err != nil || string(again) != string(text) {
		t.Errorf("a second key in the same file: exit %d: %s", exit, stderr)
	}
}

// TestKeysElsewhere: a participant whose secrets went to another machine is
// still listed; one whose secrets are exposed is an error.
func TestKeysElsewhere(t *testing.T) {
	data := newZone(t)
	scout := filepath.Join(data, "participants", "agent", "scout")
	must(t, os.Remove(filepath.Join(scout, "signing.pem")))
	if out, stderr, exit := cli(t, "--data", data, "keys"); exit != exitDone || !regexp.MustCompile(`scout +elsewhere`).MatchString(out) {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	must(t, os.Chmod(filepath.Join(data, "participants", "agent", "mallory", "svid.key"), 0o640))
	if _, stderr, exit := cli(t, "--data", data, "keys"); exit != exitLocalState || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

// TestDataFolder: the flag, then XDG_DATA_HOME if it is absolute, then the home folder.
func TestDataFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, test := range []struct{ flag, xdg, want string }{
		{"here", "/xdg", "here"},
		{"", "/xdg", "/xdg/portcullis"},
		{"", "relative", filepath.Join(home, ".local", "share", "portcullis")},
		{"", "", filepath.Join(home, ".local", "share", "portcullis")},
	} {
		t.Setenv("XDG_DATA_HOME", test.xdg)
		if got, err := (&globals{data: test.flag}).dir(); err != nil || got != test.want {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
	}
}

// TestContext: the URL of a nats context counts, and a context that says none is refused.
func TestContext(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	must(t, os.MkdirAll(filepath.Join(config, "nats", "context"), 0o700))
	write := func(name, text string) {
		must(t, os.WriteFile(filepath.Join(config, "nats", "context", name+".json"), []byte(text), 0o600))
	}
	write("good", `{"description":"ours","url":"nats://127.0.0.1:4333","user":"nobody"}`)
	write("empty", `{"description":"ours"}`)
	write("broken", `{`)
	for name, want := range map[string]string{"good": "nats://127.0.0.1:4333", "empty": "", "broken": "", "missing": "", "../context/good": "", ".": ""} {
		url, err := (&globals{natsContext: name}).url(nil)
		if url != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, url, err)
		}
	}
}
