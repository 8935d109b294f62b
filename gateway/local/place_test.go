package local

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func folderFor(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "local") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listenAt(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestPlaces: what somebody else could have put there, or reach, is not trusted, by
// either end.
func TestPlaces(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(dir, path string) error
		want  error
	}{
		"nothing is there":   {func(_, path string) error { return os.Remove(path) }, ErrNoService},
		"a file":             {func(_, path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) }, ErrPlace},
		"an open socket":     {func(_, path string) error { return os.Chmod(path, 0o666) }, ErrPlace},
		"an open folder":     {func(dir, _ string) error { return os.Chmod(dir, 0o755) }, ErrPlace},
		"a link to a socket": {func(_, path string) error { return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path)) }, ErrPlace},
		"a linked folder":    {func(dir, _ string) error { return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) }, ErrPlace},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(folderFor(t), "run")
			path := filepath.Join(dir, "s")
			listenAt(t, path)
			if err := checkPlace(path); err != nil {
				t.Fatal(err)
			}
			if err := tc.spoil(dir, path); err != nil {
				t.Fatal(err)
			}
			if _, err := Dial(t.Context(), path); !errors.Is(err, tc.want) {
				t.Errorf("a client: %v", err)
			}
			if tc.want == ErrNoService { //nolint:errorlint // the table's own value
				return
			}
			if l, err := Listen(t.Context(), path); !errors.Is(err, tc.want) {
				t.Errorf("a service: %v, %v", l, err)
			}
		})
	}
}

// TestListenTwice: a service that runs keeps its place; one that was killed leaves it
// to the next.
func TestListenTwice(t *testing.T) {
	path := filepath.Join(folderFor(t), "s")
	first := listenAt(t, path)
	if _, err := Listen(t.Context(), path); !errors.Is(err, ErrPlace) {
		t.Errorf("beside one that runs: %v", err)
	}
	first.SetUnlinkOnClose(false) // as after kill -9
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNoService) {
		t.Errorf("nobody behind the socket: %v", err)
	}
	listenAt(t, path)
}

// TestPeers: another user's process is turned away.
func TestPeers(t *testing.T) {
	path := filepath.Join(folderFor(t), "s")
	listener := listenAt(t, path)
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	served, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if err := peerIs(served, os.Geteuid()); err != nil {
		t.Error(err)
	}
	if err := peerIs(served, os.Geteuid()+1); !errors.Is(err, ErrPlace) {
		t.Errorf("another user: %v", err)
	}
}
