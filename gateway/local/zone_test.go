package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/gatewaytest"
	"github.com/portcullis-dev/portcullis/gateway/local"
)

// place is a free path for a socket, in a folder of this user's alone. The system
// allows it about a hundred characters.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "local") //nolint:usetesting // t.TempDir is too long for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "s")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a zone with a service in it.
type world struct {
	*gatewaytest.World
	path string
	log  lines
	keys int
	stop func() // the service, and waits
}

func newWorld(t *testing.T, timeout time.Duration) *world {
	t.Helper()
	w := &world{path: place(t), World: gatewaytest.New(t, gatewaytest.Source{
		Entries: "  - name: do\n    resource_type: Thing\n    description: x\n    arguments:\n      - {name: n, type: string}\n",
		Tools:   []string{"do"},
		Policy:  "@id(\"do\") permit (principal in Group::\"staff\", action == Action::\"do\", resource is Thing) unless { resource.id like \"no*\" };",
	})}
	server, err := local.NewServer(local.Config{Agent: w.Agent, Desk: w.Desk, Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Timeout: timeout})
	must(t, err)
	listener, err := local.Listen(t.Context(), w.path)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		must(t, <-ended)
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) dial(t *testing.T) *local.Client {
	t.Helper()
	c, err := local.Dial(t.Context(), w.path)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func ask(key, resource string) local.Ask {
	return local.Ask{Key: key, Session: "s", Tool: "do", Resource: resource, Arguments: []byte("{\"n\":\"a\\u0000\\nb\"}")}
}

// granted asks until a permit came in time to act on: a slow machine may need more
// than one.
func granted(t *testing.T, w *world, detached bool) (*local.Client, string) {
	t.Helper()
	for range 20 {
		w.keys++
		key := fmt.Sprint("key ", w.keys)
		a := ask(key, "thing")
		a.Detached = detached
		c := w.dial(t)
		if _, err := c.Ask(t.Context(), a, nil); err == nil {
			return c, key
		} else if !strings.Contains(err.Error(), "ago") && !strings.Contains(err.Error(), "start.late") {
			t.Fatal(err)
		}
		c.Close()
	}
	t.Fatal("no permit came in time")
	return nil, ""
}

// TestAttached is an act over one connection.
func TestAttached(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	c, key := granted(t, w, false)
	recorded, err := c.Report(t.Context(), local.Report{Key: key, Status: local.StatusDone, Result: []byte(`{"exit":0}`)})
	if err != nil || recorded.Status != "EXECUTED" || recorded.At == "" {
		t.Fatalf("%+v, %v", recorded, err)
	}
	var refused *local.RefusedError
	if _, err := w.dial(t).Ask(t.Context(), ask(key, "thing"), nil); !errors.As(err, &refused) || refused.Refused.Denied {
		t.Errorf("a key that was used: %v", err)
	}
	if _, err := w.dial(t).Ask(t.Context(), ask("denied", "no thing"), nil); !errors.As(err, &refused) || !refused.Refused.Denied || refused.Refused.At == "" || len(refused.Refused.Reasons) == 0 {
		t.Errorf("what policy denies: %v", err)
	}
	for status, want := range map[local.Status]string{
		local.StatusFailed: "FAILED", local.StatusNotStarted: "FAILED", local.StatusUnknown: "INDETERMINATE",
	} {
		t.Run(string(status), func(t *testing.T) {
			c, key := granted(t, w, false)
			if recorded, err := c.Report(t.Context(), local.Report{Key: key, Status: status}); err != nil || recorded.Status != want {
				t.Errorf("%+v, %v", recorded, err)
			}
		})
	}
}

// TestDetached is an act whose report comes over another connection.
func TestDetached(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	var refused *local.RefusedError
	if _, err := w.dial(t).Report(t.Context(), local.Report{Key: "nobody asked", Status: local.StatusDone}); !errors.As(err, &refused) {
		t.Errorf("a report without a permit: %v", err)
	}
	c, key := granted(t, w, true)
	again := ask(key, "thing")
	again.Detached = true
	if _, err := w.dial(t).Ask(t.Context(), again, nil); !errors.As(err, &refused) {
		t.Errorf("asked again while it is open: %v", err)
	}
	c.Close()
	recorded, err := w.dial(t).Report(t.Context(), local.Report{Key: key, Status: local.StatusDone})
	if err != nil || recorded.Status != "EXECUTED" {
		t.Fatalf("%+v, %v", recorded, err)
	}
	if _, err := w.dial(t).Report(t.Context(), local.Report{Key: key, Status: local.StatusDone}); !errors.As(err, &refused) {
		t.Errorf("reported twice: %v", err)
	}
	c, key = granted(t, w, true)
	c.Close()
	recorded, err = w.dial(t).Report(t.Context(), local.Report{Key: key, Status: local.StatusDone, Arguments: []byte(`{"n":"other"}`)})
	if err != nil || recorded.Status != "INDETERMINATE" {
		t.Errorf("other arguments than were permitted: %+v, %v", recorded, err)
	}
	attached, key := granted(t, w, false)
	if _, err := w.dial(t).Report(t.Context(), local.Report{Key: key, Status: local.StatusDone}); !errors.As(err, &refused) {
		t.Errorf("a stranger reports an attached act: %v", err)
	}
	attached.Close()
}

// TestSilence: of an act that nobody reports the outcome is INDETERMINATE, by its
// deadline at the latest.
func TestSilence(t *testing.T) {
	w := newWorld(t, 4*time.Second)
	_, key := granted(t, w, true)
	await(t, "the permit is closed", func() bool { return w.uncertain() == 1 })
	var refused *local.RefusedError
	if _, err := w.dial(t).Report(t.Context(), local.Report{Key: key, Status: local.StatusDone}); !errors.As(err, &refused) {
		t.Errorf("a report after the deadline: %v", err)
	}
	c, _ := granted(t, w, false)
	c.Close()
	await(t, "the lost one is seen", func() bool { return w.uncertain() == 2 })
}

// uncertain counts outcomes that say INDETERMINATE, as the service notes them.
func (w *world) uncertain() int { return strings.Count(w.log.String(), "status=INDETERMINATE") }

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for over := time.Now().Add(gatewaytest.Patience); !so(); {
		if time.Now().After(over) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestServiceStops: it has what runs ended, and takes the report of it.
func TestServiceStops(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	c, key := granted(t, w, false)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.stop()
	}()
	select {
	case <-c.Stopped():
	case <-time.After(gatewaytest.Patience):
		t.Fatal("nobody was told to stop")
	}
	recorded, err := c.Report(t.Context(), local.Report{Key: key, Status: local.StatusStopped, Note: "killed"})
	if err != nil || recorded.Status != "FAILED" || c.Why() == "" {
		t.Errorf("%+v, %v, %q", recorded, err, c.Why())
	}
	<-stopped
	if _, err := local.Dial(t.Context(), w.path); !errors.Is(err, local.ErrNoService) {
		t.Errorf("after the end: %v", err)
	}
}

// TestConcurrent: many at once, each acts once.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	var acts atomic.Int64
	var all sync.WaitGroup
	const keys, each = 8, 3
	for i := range keys * each {
		all.Go(func() {
			c, err := local.Dial(t.Context(), w.path)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			key := fmt.Sprint(i % keys)
			grant, err := c.Ask(t.Context(), ask(key, "thing"), nil)
			if grant.Intent == "" {
				return
			}
			acts.Add(1)
			if recorded, err := c.Report(t.Context(), local.Report{Key: key, Status: local.StatusDone}); err != nil || recorded.Status != "EXECUTED" {
				t.Errorf("%+v, %v", recorded, err)
			}
			_ = err // a late permit is one as well
		})
	}
	all.Wait()
	if n := acts.Load(); n == 0 || n > keys {
		t.Errorf("%d acts for %d keys", n, keys)
	}
}

// TestStrangers: what is no client of this protocol gets a refusal, and the service
// goes on.
func TestStrangers(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	for name, bytes := range map[string]string{
		"no JSON":        "hello\n",
		"oversized":      strings.Repeat("x", local.MaxLine+2) + "\n",
		"a stop":         `{"format":1,"stop":{"why":"x"}}` + "\n",
		"another format": `{"format":7,"ask":{"key":"k"}}` + "\n",
		"half a line":    `{"format":1,`,
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", w.path)
		must(t, err)
		_, _ = conn.Write([]byte(bytes)) // it may be turned away before it has said all
		if unix, ok := conn.(*net.UnixConn); ok {
			_ = unix.CloseWrite()
		}
		must(t, conn.SetReadDeadline(time.Now().Add(gatewaytest.Patience)))
		answer := make([]byte, 4096)
		n, _ := conn.Read(answer)
		if text := string(answer[:n]); strings.Contains(text, `"go"`) || n > 0 && !strings.Contains(text, "refused") {
			t.Errorf("%s: %s", name, text)
		}
		must(t, conn.Close())
	}
	c, key := granted(t, w, false)
	if _, err := c.Report(t.Context(), local.Report{Key: key, Status: local.StatusDone}); err != nil {
		t.Error(err)
	}
}
