package fabric_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
)

var pulledAt = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

// brakeOf is the brake of a folder that was once a fabric's and is damaged: only
// the name of its configuration is left.
func brakeOf(t *testing.T) (brake *fabric.Brake, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, err := range []error{os.WriteFile(filepath.Join(dir, "fabric.json"), []byte("{"), 0o600), os.Mkdir(filepath.Join(dir, "run"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	brake, err := fabric.OpenBrake(dir)
	if err != nil {
		t.Fatal(err)
	}
	return brake, dir
}

func TestBrakeIsPulledAndLifted(t *testing.T) {
	brake, dir := brakeOf(t)
	other, err := fabric.OpenBrake(dir) // another process
	if err != nil {
		t.Fatal(err)
	}
	if why := brake.Engaged(); why != "" {
		t.Fatalf("engaged at first: %s", why)
	}
	if _, _, err := brake.Lift("nothing", pulledAt); !errors.Is(err, fabric.ErrNoBrake) {
		t.Errorf("lifting what is not pulled: %v", err)
	}
	for _, reason := range []string{"fire", "a second fire"} { // the first one stays
		if err := brake.Engage(reason, pulledAt); err != nil {
			t.Fatal(err)
		}
		if why := other.Engaged(); !strings.Contains(why, `the brake is on since 2026-11-22T07:00:00Z: "fire"`) {
			t.Errorf("engaged: %q", why)
		}
	}
	was, archive, err := other.Lift("it is out", pulledAt.Add(time.Hour))
	if err != nil || !strings.Contains(was, `"fire"`) || brake.Engaged() != "" {
		t.Fatalf("lifted: %q, %v; then engaged: %q", was, err, brake.Engaged())
	}
	for path, want := range map[string]string{archive: `"reason": "fire"`, archive + ".lifted": `"reason": "it is out"`} {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v", path, text, err)
		}
	}
}

// TestBrakeFailsClosed: whatever stands in the brake's place is a brake, and so
// is a folder that cannot be looked into.
func TestBrakeFailsClosed(t *testing.T) {
	path := func(dir string) string { return filepath.Join(dir, "run", "brake") }
	for name, strange := range map[string]func(dir string) error{
		"empty":            func(dir string) error { return os.WriteFile(path(dir), nil, 0o644) },
		"not ours":         func(dir string) error { return os.WriteFile(path(dir), []byte("stop!\n"), 0o600) },
		"another version":  func(dir string) error { return os.WriteFile(path(dir), []byte(`{"brake":"v2"}`), 0o600) },
		"unreadable":       func(dir string) error { return os.WriteFile(path(dir), nil, 0o000) },
		"too long":         func(dir string) error { return os.WriteFile(path(dir), make([]byte, 1<<20), 0o600) },
		"a folder":         func(dir string) error { return os.Mkdir(path(dir), 0o700) },
		"a dangling link":  func(dir string) error { return os.Symlink("nowhere", path(dir)) },
		"no folder":        func(dir string) error { return os.Remove(filepath.Join(dir, "run")) },
		"a file as folder": func(dir string) error { return replaceByFile(filepath.Join(dir, "run")) },
		"everything gone":  os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			brake, dir := brakeOf(t)
			if err := strange(dir); err != nil {
				t.Fatal(err)
			}
			if why := brake.Engaged(); !strings.Contains(why, "the brake is on") {
				t.Errorf("engaged: %q", why)
			}
		})
	}
}

func replaceByFile(dir string) error {
	return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600))
}

// TestBrakeOfAnyKindIsLifted: what an operator made by hand is moved away whole.
func TestBrakeOfAnyKindIsLifted(t *testing.T) {
	brake, _ := brakeOf(t)
	if err := os.Mkdir(brake.Path(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := brake.Engage("fire", pulledAt); err != nil { // it is on already
		t.Fatal(err)
	}
	_, archive, err := brake.Lift("over", pulledAt)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(archive); err != nil || !info.IsDir() || brake.Engaged() != "" {
		t.Errorf("%v, engaged %q", err, brake.Engaged())
	}
}

func TestBrakeRefusesWithoutReasonOrFolder(t *testing.T) {
	brake, _ := brakeOf(t)
	if err := brake.Engage("", pulledAt); err == nil || brake.Engaged() != "" {
		t.Errorf("pulled without a reason: %v", err)
	}
	if err := brake.Engage("fire", pulledAt); err != nil {
		t.Fatal(err)
	}
	if _, _, err := brake.Lift("", pulledAt); err == nil || brake.Engaged() == "" {
		t.Errorf("lifted without a reason: %v", err)
	}
	if _, err := fabric.OpenBrake(t.TempDir()); !errors.Is(err, fabric.ErrNoFabric) {
		t.Errorf("a brake where no fabric is: %v", err)
	}
}

// TestBrakeLatches: a process that cannot write stops all the same, until it
// ends.
func TestBrakeLatches(t *testing.T) {
	brake, dir := brakeOf(t)
	brake.Latch("SIGUSR1, and the disk is gone")
	brake.Latch("later")
	if why := brake.Engaged(); !strings.Contains(why, "the disk is gone") {
		t.Errorf("engaged: %q", why)
	}
	other, err := fabric.OpenBrake(dir)
	if err != nil || other.Engaged() != "" {
		t.Errorf("another process: %v, %q", err, other.Engaged())
	}
}
