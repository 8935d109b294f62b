//go:build faults

package world

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childVariable makes this test binary the process on which the faults are tried out.
const childVariable = "PORTCULLIS_WORLD_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(Main(m))
}

// child answers each line that it gets with its wall clock, its monotonic clock, and how long a sync took it.
func child(dir string) error {
	started := time.Now()
	listener, err := net.Listen("tcp", ":7000") //nolint:noctx // until it is killed
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, `{"event":"ready"}`)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				begin := time.Now()
				f, err := os.CreateTemp(dir, "synced")
				if err == nil {
					_, err = f.WriteString("something")
				}
				if err == nil {
					err = f.Sync()
				}
				if err == nil {
					err = f.Close()
				}
				fmt.Fprintf(conn, "%d %d %d %v\n", time.Now().UnixNano(), time.Since(started), time.Since(begin), err)
			}
		}()
	}
}

// trial is a child on a host of its own, and the test's line to it.
type trial struct {
	t       *testing.T
	host    *Host
	process *Process
	dir     string
}

func newTrial(t *testing.T) *trial {
	h := NewHost(NewNetwork(t), "h1", t.TempDir())
	c := &trial{t: t, host: h, dir: t.TempDir()}
	t.Setenv(childVariable, c.dir)
	self, err := os.Executable()
	must(t, err)
	c.process, err = h.start("child", true, []string{self})
	must(t, err)
	return c
}

// report is one answer of the child.
type report struct {
	wall    time.Time
	running time.Duration
	sync    time.Duration
	failed  string
}

// ask asks over the fabric's network.
func (c *trial) ask(within time.Duration) (r report, err error) {
	conn, err := (&net.Dialer{Timeout: within}).DialContext(c.t.Context(), "tcp", c.host.Address+":7000")
	if err != nil {
		return r, err
	}
	defer conn.Close()
	must(c.t, conn.SetDeadline(time.Now().Add(within)))
	if _, err := fmt.Fprintln(conn, "how are you"); err != nil {
		return r, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return r, err
	}
	var wall int64
	words := strings.SplitN(strings.TrimSpace(line), " ", 4)
	_, err = fmt.Sscan(strings.Join(words[:3], " "), &wall, &r.running, &r.sync)
	r.wall, r.failed = time.Unix(0, wall), words[3]
	return r, err
}

// must ask: an answer has to come.
func (c *trial) answer() report {
	c.t.Helper()
	r, err := c.ask(Patience)
	must(c.t, err)
	return r
}

func TestCut(t *testing.T) {
	c := newTrial(t)
	c.answer()
	for range 2 {
		c.host.Cut()
		if _, err := c.ask(500 * time.Millisecond); err == nil {
			t.Error("a host that is cut off answers")
		}
		effect, err := (&net.Dialer{Timeout: Patience}).DialContext(t.Context(), "tcp", fmt.Sprintf("%s%d.2:7000", effectNet, c.host.number))
		must(t, err) // the other cable is whole
		must(t, effect.Close())
		c.host.Mend()
		c.answer()
	}
}

func TestPause(t *testing.T) {
	c := newTrial(t)
	before := c.answer()
	c.process.Pause(t)
	if _, err := c.ask(500 * time.Millisecond); err == nil {
		t.Error("a frozen process answers")
	}
	c.process.Resume(t)
	if after := c.answer(); after.running < before.running+500*time.Millisecond {
		t.Error("it is another process")
	}
}

func TestDisk(t *testing.T) {
	c := newTrial(t)
	c.process.Kill()
	d := c.host.Disk(c.dir, "1m")
	self, err := os.Executable()
	must(t, err)
	c.process, err = c.host.start("child", true, []string{self})
	must(t, err)
	if r := c.answer(); r.failed != "<nil>" {
		t.Errorf("on an empty disk: %s", r.failed)
	}
	if entries, err := os.ReadDir(c.dir); err != nil || len(entries) > 0 {
		t.Errorf("the host's disk is the test's: %v, %v", entries, err)
	}
	d.Fill()
	if r := c.answer(); !strings.Contains(r.failed, "no space left") {
		t.Errorf("on a full disk: %s", r.failed)
	}
	d.Free()
	if r := c.answer(); r.failed != "<nil>" {
		t.Errorf("with room again: %s", r.failed)
	}
	older := filepath.Join(d.Outside(), "older")
	must(t, os.WriteFile(older, []byte("something"), 0o600))
	kept := filepath.Join(t.TempDir(), "copy")
	d.Copy(kept)
	must(t, os.Remove(older))
	must(t, os.WriteFile(filepath.Join(d.Outside(), "newer"), nil, 0o600))
	d.Restore(kept)
	if text, err := os.ReadFile(older); err != nil || string(text) != "something" {
		t.Errorf("restored %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(d.Outside(), "newer")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is newer than the copy survived: %v", err)
	}
}

func TestSlow(t *testing.T) {
	c := newTrial(t)
	c.answer()
	mend := c.host.Slow(c.process, 300*time.Millisecond)
	if r := c.answer(); r.sync < 300*time.Millisecond {
		t.Errorf("a sync of a slow disk took %v", r.sync)
	}
	mend()
	for deadline := time.Now().Add(Patience); c.answer().sync >= 300*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Fatal("the disk remains slow")
		}
	}
}

// TestJumpClock: only the wall clock jumps, only that process's, and exactly so far; many threads look at it meanwhile.
func TestJumpClock(t *testing.T) {
	c := newTrial(t)
	for _, by := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second} {
		before := c.answer()
		back := c.process.JumpClock(t, by)
		near, jumped, far := time.Now(), c.answer(), time.Now()
		if wall := jumped.wall.Add(-by); wall.Before(near) || wall.After(far) {
			t.Errorf("a jump by %v: the clock says %v, it is %v", by, jumped.wall, near)
		}
		if passed := jumped.running - before.running; passed < 0 || passed > Patience {
			t.Errorf("a jump by %v moved the monotonic clock by %v", by, passed)
		}
		if jumped.sync < 0 || jumped.sync > Patience {
			t.Errorf("a jump by %v: a sync took %v", by, jumped.sync)
		}
		back()
		near, again, far := time.Now(), c.answer(), time.Now()
		if again.wall.Before(near) || again.wall.After(far) {
			t.Errorf("back from %v: the clock says %v, it is %v", by, again.wall, near)
		}
	}
}
