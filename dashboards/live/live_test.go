package live

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/zone"
)

// fake is an observer that tells what it is told to tell.
type fake struct {
	mu     sync.Mutex
	err    error
	reads  int
	closed bool
}

func (*fake) Ready(context.Context) error { return nil }

func (f *fake) Status(context.Context) (zone.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	return zone.Status{At: time.Now(), Position: uint64(f.reads)}, f.err
}

func (f *fake) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// opener counts how often observers are opened.
type opener struct {
	mu     sync.Mutex
	opened []*fake
	err    error
}

func (o *opener) open(context.Context) (Observer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	o.opened = append(o.opened, new(fake))
	return o.opened[len(o.opened)-1], nil
}

func (o *opener) last() (*fake, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.opened) == 0 {
		return nil, 0
	}
	return o.opened[len(o.opened)-1], len(o.opened)
}

func next(t *testing.T, l *Live, last *report) *report {
	t.Helper()
	found, err := l.after(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestNobodyLooks: nothing is opened before somebody does, and nothing stays open a
// while after.
func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(opener)
		l := New(Config{Open: o.open})
		time.Sleep(time.Hour)
		if _, n := o.last(); n != 0 {
			t.Error("opened for nobody")
		}
		first := next(t, l, nil)
		second := next(t, l, first)
		if first.err != nil || second.err != nil || second.fields["position"] == first.fields["position"] {
			t.Errorf("%v, then %v", first.fields, second.fields)
		}
		seen, n := o.last()
		if n != 1 {
			t.Errorf("opened %d times for two looks", n)
		}
		time.Sleep(2 * idleAfter)
		if !seen.isClosed() {
			t.Error("still open though nobody looks")
		}
		if again := next(t, l, nil); again.err != nil {
			t.Error(again.err)
		}
		if _, n := o.last(); n != 2 {
			t.Errorf("opened %d times", n)
		}
		l.Close()
		time.Sleep(time.Second)
	})
}

// TestUnknown: who cannot be asked is told of as such, is let go, and asked again.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &opener{err: errors.New("no broker")}
		l := New(Config{Open: o.open})
		found := next(t, l, nil)
		if found.err == nil || found.fields != nil {
			t.Fatal("it knows something without having read anything")
		}
		o.mu.Lock()
		o.err = nil
		o.mu.Unlock()
		for found.err != nil {
			found = next(t, l, found)
		}
		first, _ := o.last()
		first.fail(errors.New("no longer reading"))
		for found.err == nil {
			found = next(t, l, found)
		}
		if !first.isClosed() {
			t.Error("an observer that has ended is kept")
		}
		for found.err != nil {
			found = next(t, l, found)
		}
		if _, n := o.last(); n != 2 {
			t.Errorf("opened %d times", n)
		}
		l.Close()
		time.Sleep(time.Second)
	})
}

// TestClosed: a console that ends answers nobody, and leaves nothing open.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(opener)
		l := New(Config{Open: o.open})
		found := next(t, l, nil)
		l.Close()
		time.Sleep(time.Second)
		if f, _ := o.last(); !f.isClosed() {
			t.Error("still open")
		}
		if _, err := l.after(t.Context(), found); err == nil {
			t.Error("it still answers")
		}
	})
}

// TestMany: all who look share one observer.
func TestMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(opener)
		l := New(Config{Open: o.open})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				var last *report
				for range 5 {
					last = next(t, l, last)
				}
			})
		}
		all.Wait()
		if _, n := o.last(); n != 1 {
			t.Errorf("opened %d times", n)
		}
		l.Close()
		time.Sleep(time.Second)
	})
}
