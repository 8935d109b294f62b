package zone_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// socketPath is a free path in a folder of this user's alone. The system allows a
// socket's path about a hundred characters, fewer than a test's folder may have.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "health") //nolint:usetesting // t.TempDir is too long for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "s")
}

// TestAskHealth is a part's life, as whoever asks sees it.
func TestAskHealth(t *testing.T) {
	w := liveOf(t, nothing)
	path := socketPath(t)
	unwell := func(when string) {
		t.Helper()
		if h, err := zone.AskHealth(t.Context(), path); !errors.Is(err, zone.ErrUnwell) || h.Able {
			t.Fatalf("%s: %+v, %v", when, h, err)
		}
	}
	unwell("nobody is there")
	door, err := w.OpenHealth(t.Context(), path, pb.Role_ROLE_EXECUTOR, "x1")
	must(t, err)
	w.becomes(pb.Role_ROLE_EXECUTOR, true)
	h, err := zone.AskHealth(t.Context(), path)
	if err != nil || !h.Able || h.Role != "executor" || h.Name != "x1" || h.Position == 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	w.Stop(pb.Role_ROLE_EXECUTOR, "x1")
	unwell("it was stopped")
	door.Close()
	unwell("the door is closed")
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestManyAskHealth: who asks more than the door has seats for is turned away,
// which is no health, and the door goes on.
func TestManyAskHealth(t *testing.T) {
	w := liveOf(t, nothing)
	path := socketPath(t)
	door, err := w.OpenHealth(t.Context(), path, pb.Role_ROLE_ENFORCER, "e1")
	must(t, err)
	defer door.Close()
	answers := make(chan error)
	const many = 100
	for range many {
		go func() {
			_, err := zone.AskHealth(t.Context(), path)
			answers <- err
		}()
	}
	for range many {
		if err := <-answers; err != nil && !errors.Is(err, zone.ErrUnwell) {
			t.Error(err)
		}
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		_, err := zone.AskHealth(t.Context(), path)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestOpenHealthRefuses: where the socket cannot be ours alone there is none.
func TestOpenHealthRefuses(t *testing.T) {
	w := liveOf(t, nothing)
	taken := socketPath(t)
	first, err := w.OpenHealth(t.Context(), taken, pb.Role_ROLE_ENFORCER, "e1")
	must(t, err)
	defer first.Close()
	open := socketPath(t)
	must(t, os.Chmod(filepath.Dir(open), 0o755))
	file := socketPath(t)
	must(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		taken: "somebody answers",
		open:  "chmod 700",
		file:  "no socket",
		filepath.Join(file+"missing", "too", "s"):                    "make the folder above",
		filepath.Join(filepath.Dir(taken), strings.Repeat("s", 200)): "less than 100 characters",
	} {
		door, err := w.OpenHealth(t.Context(), path, pb.Role_ROLE_ENFORCER, "e1")
		if err == nil {
			door.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", path, err, want)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("what was no socket was removed:", err)
	}
}

// TestOpenHealthMakesItsFolder: for this user alone, whatever stands above it.
func TestOpenHealthMakesItsFolder(t *testing.T) {
	w := liveOf(t, nothing)
	above := filepath.Dir(socketPath(t))
	must(t, os.Chmod(above, 0o755))
	door, err := w.OpenHealth(t.Context(), filepath.Join(above, "own", "s"), pb.Role_ROLE_ENFORCER, "e1")
	must(t, err)
	defer door.Close()
	info, err := os.Stat(filepath.Join(above, "own"))
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Error(info.Mode())
	}
}

// TestOpenHealthAfterACrash: a socket that nobody listens at is replaced.
func TestOpenHealthAfterACrash(t *testing.T) {
	w := liveOf(t, nothing)
	path := socketPath(t)
	crashed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	crashed.SetUnlinkOnClose(false)
	must(t, crashed.Close())
	door, err := w.OpenHealth(t.Context(), path, pb.Role_ROLE_ENFORCER, "e1")
	must(t, err)
	door.Close()
}

// TestAskHealthBelievesNothing: only one whole, consistent yes is health.
func TestAskHealthBelievesNothing(t *testing.T) {
	yes, err := json.Marshal(zone.Health{Role: "enforcer", Name: "e1", Able: true, Position: 7})
	must(t, err)
	if err := told(t, string(yes)+"\n"); err != nil {
		t.Fatalf("a plain yes: %v", err)
	}
	for what, answer := range map[string]string{
		"nothing":           "",
		"half":              string(yes[:len(yes)-2]),
		"a word":            "ok\n",
		"null":              "null\n",
		"an empty object":   "{}\n",
		"a yes of nobody":   `{"role":"","name":"","able":true,"why":"","position":7}`,
		"yes, but":          `{"role":"enforcer","name":"e1","able":true,"why":"the ledger is disconnected","position":7}`,
		"no, without a why": `{"role":"enforcer","name":"e1","able":false,"why":"","position":7}`,
		"no":                `{"role":"enforcer","name":"e1","able":false,"why":"it is catching up","position":7}`,
		"no, then yes":      `{"role":"enforcer","name":"e1","able":false,"why":"no","position":7}` + string(yes),
		"yes, twice":        string(yes) + string(yes),
		"an unknown field":  `{"role":"enforcer","name":"e1","able":true,"why":"","position":7,"but":true}`,
		"a flood":           strings.Repeat(" ", 1<<20) + string(yes),
	} {
		if err := told(t, answer); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// told is what AskHealth makes of somebody who answers this.
func told(t *testing.T, answer string) error {
	t.Helper()
	path := socketPath(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	must(t, err)
	defer listener.Close()
	go func() {
		asker, err := listener.Accept()
		if err != nil {
			return
		}
		defer asker.Close()
		_, _ = asker.Write([]byte(answer)) // who asks may have heard enough
	}()
	_, err = zone.AskHealth(t.Context(), path)
	return err
}

// TestAskHealthOfOneWhoHangs: who takes the question and never answers is not well.
func TestAskHealthOfOneWhoHangs(t *testing.T) {
	path := socketPath(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	must(t, err)
	defer listener.Close()
	for name, patience := range map[string]time.Duration{"its own patience": time.Minute, "the asker's": 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		begun := time.Now()
		_, err := zone.AskHealth(ctx, path)
		if took := time.Since(begun); !errors.Is(err, zone.ErrUnwell) || took < min(patience, time.Second)/2 || took >= time.Minute {
			t.Errorf("%s: %v after %v", name, err, took)
		}
		cancel()
	}
}
