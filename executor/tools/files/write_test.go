package files_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/executor/tools/files"
)

func TestFencing(t *testing.T) {
	tool, root := setup(t)
	mkdir(t, root, "dir")
	if _, err := write(t.Context(), t, tool, "a", "at 7", "", 7); err != nil {
		t.Fatal(err)
	}
	for _, token := range []uint64{1, 6, 7} {
		_, err := write(t.Context(), t, tool, "a", "late", "", token)
		wantRefused(t, err, fmt.Sprintf("token %d is not higher than 7", token))
	}
	if _, err := write(t.Context(), t, tool, "b", "other path", "", 3); err != nil {
		t.Errorf("a token of one path fences another: %v", err)
	}

	// Another process, a later day: the root remembers.
	again, err := files.New(root)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	_, err = write(t.Context(), t, again, "a", "late", "append", 7)
	wantRefused(t, err, "not higher than 7")

	// A refused write spends no token.
	_, err = write(t.Context(), t, again, "a", "x", "create", 9)
	wantRefused(t, err, "exists already")
	if _, err := write(t.Context(), t, again, "a", "at 8", "", 8); err != nil {
		t.Error(err)
	}
	if _, err := write(t.Context(), t, again, "a", "last", "", 1<<64-1); err != nil {
		t.Error(err)
	}
	_, err = write(t.Context(), t, again, "a", "late", "", 9)
	wantRefused(t, err, "not higher")
	wantFile(t, filepath.Join(root, "a"), "last")
}

func TestUnreadableTokenRefuses(t *testing.T) {
	for _, damage := range []string{"", "x", "-1", "7\n", "99999999999999999999", strings.Repeat("1", 40)} {
		tool, root := setup(t)
		if _, err := write(t.Context(), t, tool, "a", "old", "", 1); err != nil {
			t.Fatal(err)
		}
		tokens, err := filepath.Glob(filepath.Join(root, ".portcullis", strings.Repeat("?", 64)))
		if err != nil || len(tokens) != 1 {
			t.Fatalf("%v, %v", tokens, err)
		}
		if err := os.WriteFile(tokens[0], []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = write(t.Context(), t, tool, "a", "new", "", 100)
		wantRefused(t, err, "cannot be read")
		wantFile(t, filepath.Join(root, "a"), "old")
	}
}

// TestConcurrentWriters: two tools over one root, as two processes would have,
// many writers. Whatever the order, the highest token is what remains, each
// success was whole, and appends lose nothing.
func TestConcurrentWriters(t *testing.T) {
	tool, root := setup(t)
	other, err := files.New(root)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const writers = 24
	content := func(token int) string { return strings.Repeat(strconv.Itoa(token)+" ", 2000) }
	order := rand.Perm(writers)
	var appended sync.Map
	var all sync.WaitGroup
	for i, n := range order {
		through := []*files.Files{tool, other}[i%2]
		all.Go(func() {
			if _, err := write(t.Context(), t, through, "one", content(n+1), "", uint64(n+1)); err != nil && !errors.Is(err, files.ErrRefused) {
				t.Error(err)
			}
			line := fmt.Sprintf("<%d>", n+1)
			if _, err := write(t.Context(), t, through, "log", line, "append", uint64(n+1)); err == nil {
				appended.Store(line, true)
			} else if !errors.Is(err, files.ErrRefused) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantFile(t, filepath.Join(root, "one"), content(writers))
	log, err := os.ReadFile(filepath.Join(root, "log"))
	if err != nil {
		t.Fatal(err)
	}
	length := 0
	appended.Range(func(line, _ any) bool {
		length += len(fmt.Sprint(line))
		if !strings.Contains(string(log), fmt.Sprint(line)) {
			t.Errorf("%v is lost", line)
		}
		return true
	})
	if length != len(log) {
		t.Errorf("the log has %d bytes, and %d were appended", len(log), length)
	}
	wantClean(t, root)
}

func TestOnlyOneCreates(t *testing.T) {
	tool, root := setup(t)
	const writers = 16
	won := make(chan string, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			content := strconv.Itoa(i)
			if _, err := write(t.Context(), t, tool, "a", content, "create", uint64(i+1)); err == nil {
				won <- content
			}
		})
	}
	all.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d writers created one file", len(won))
	}
	wantFile(t, filepath.Join(root, "a"), <-won)
	wantClean(t, root)
}

// countdown is a context that ends at the n-th look.
type countdown struct {
	context.Context

	mu   sync.Mutex
	left int
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	if c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelAnywhere ends the context at every look that a write takes at it: the
// file is always the old one or the new one, the answer says which, and nothing
// is left behind.
func TestCancelAnywhere(t *testing.T) {
	for _, mode := range []string{"create", "replace", "append"} {
		tool, root := setup(t)
		before, added := strings.Repeat("old ", 9000), strings.Repeat("new ", 9000)
		name := filepath.Join(root, "a")
		after := added
		if mode == "append" {
			after = before + added
		}
		done := false
		for looks := 0; !done; looks++ {
			if looks > 100 {
				t.Fatal("the write never completes")
			}
			if mode != "create" {
				put(t, root, "a", before)
			}
			_, err := write(&countdown{Context: t.Context(), left: looks}, t, tool, "a", added, mode, uint64(looks+1))
			switch {
			case err == nil:
				done = true
				wantFile(t, name, after)
			case !errors.Is(err, context.Canceled):
				t.Fatalf("%s, look %d: %v", mode, looks, err)
			case mode == "create":
				if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
					t.Fatalf("%s, look %d: a cancelled write made the file (%v)", mode, looks, err)
				}
			default:
				wantFile(t, name, before)
			}
			wantClean(t, root)
			if done && looks < 5 {
				t.Errorf("%s looks at the context %d times only", mode, looks)
			}
		}
	}
}

func TestCancelledReadSaysWhy(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "a", "x")
	halted := errors.New("halted by governor")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(halted)
	_, err := tool.Read(ctx, "a", []byte(`{"path":"a"}`))
	if !errors.Is(err, halted) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestWaitingForTheLockEnds: a writer that waits for another process gives up
// with its context.
func TestWaitingForTheLockEnds(t *testing.T) {
	tool, root := setup(t)
	if _, err := write(t.Context(), t, tool, "a", "old", "", 1); err != nil {
		t.Fatal(err)
	}
	release := holdLock(t, filepath.Join(root, ".portcullis", "lock"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := write(ctx, t, tool, "a", "new", "", 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	wantFile(t, filepath.Join(root, "a"), "old")
	release()
	if _, err := write(t.Context(), t, tool, "a", "new", "", 2); err != nil {
		t.Error(err)
	}
}

// holdLock takes a lock as another process would.
func holdLock(t *testing.T, name string) (release func()) {
	t.Helper()
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCrashLeavesNothingInTheWay plants what a crash at the worst moments leaves:
// a staging file, half written or already linked to its name.
func TestCrashLeavesNothingInTheWay(t *testing.T) {
	tool, root := setup(t)
	for i, linked := range []bool{false, true} {
		put(t, root, "a", "old")
		staged := filepath.Join(root, ".portcullis-ca978112ca1bbdcafac231b39a23dc4d") // SHA-256 of "a"
		if linked {
			if err := os.Link(filepath.Join(root, "a"), staged); err != nil {
				t.Fatal(err)
			}
		} else {
			put(t, root, filepath.Base(staged), "half")
		}
		if _, err := write(t.Context(), t, tool, "a", "new", "", uint64(i+1)); err != nil {
			t.Error(err)
		}
		wantFile(t, filepath.Join(root, "a"), "new")
		wantClean(t, root)
	}
}

// TestAgainstAMap runs random requests against the tool and against a map from
// path to content and token.
func TestAgainstAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		root := t.TempDir() // another one for each run
		tool, err := files.NewLimited(root, files.Limits{Read: 12, Write: 6})
		if err != nil {
			rt.Fatal(err)
		}
		defer tool.Close()
		mkdir(t, root, "d")
		content, tokens := map[string]string{}, map[string]uint64{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			path := rapid.SampledFrom([]string{"a", "b", "d/a"}).Draw(rt, "path")
			text := rapid.StringMatching(`[a-c]{0,7}`).Draw(rt, "text")
			mode := rapid.SampledFrom([]string{"create", "replace", "append"}).Draw(rt, "mode")
			token := rapid.Uint64Range(0, 20).Draw(rt, "token")
			old, there := content[path]
			after := text
			if mode == "append" {
				after = old + text
			}
			allowed := len(text) <= 6 && len(after) <= 12 && token > tokens[path] && (mode != "create" || !there)
			_, err := write(t.Context(), t, tool, path, text, mode, token)
			if (err == nil) != allowed {
				rt.Fatalf("%s %s %q at %d after %d, %q: %v", mode, path, text, token, tokens[path], old, err)
			}
			if allowed {
				content[path], tokens[path] = after, token
			}
			got, err := read(t, tool, path)
			if want, there := content[path]; there != (err == nil) || there && *got.Content != want {
				rt.Fatalf("%s holds %+v (%v), want %q", path, got, err, want)
			}
		}
	})
}
