package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// broker is an Appender that stores what it is given and acknowledges it when
// it is told to.
type broker struct {
	t *testing.T

	mu      sync.Mutex
	stored  []stored
	acks    []func()
	manual  bool  // acknowledge only when asked
	refuse  error // of AppendAsync itself
	failure error // told to done
}

type stored struct {
	subject string
	bytes   int
	items   [][]byte
}

var ledgerID = trust.DigestOf([]byte("a ledger"))

func (b *broker) AppendAsync(_ context.Context, subject string, data []byte, done func(uint64, error)) error {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		b.t.Errorf("not an envelope: %v", err)
		return err
	}
	if env.PayloadType != schemas.KindIntent.PayloadType() || !env.VerifiedBy(0, trusttest.Key("sender").Public()) {
		b.t.Error("an envelope of another kind or without the sender's signature")
	}
	ledger, items, err := trust.ParseList(env.Payload)
	if err != nil || ledger != ledgerID {
		b.t.Errorf("not a list for the ledger: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	b.stored = append(b.stored, stored{subject, len(env.Payload), items})
	seq, failure := uint64(len(b.stored)), b.failure
	if failure != nil {
		seq = 0
	}
	ack := func() { done(seq, failure) }
	if b.manual {
		b.acks = append(b.acks, ack)
	} else {
		go ack()
	}
	return nil
}

// acknowledge answers everything that waits for an answer, in order.
func (b *broker) acknowledge() int {
	b.mu.Lock()
	acks := b.acks
	b.acks = nil
	b.mu.Unlock()
	for _, ack := range acks {
		ack()
	}
	return len(acks)
}

func (b *broker) lists() []stored {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]stored(nil), b.stored...)
}

func newBox(b *broker, change func(*outbox.Config)) *outbox.Outbox {
	cfg := outbox.Config{Appender: b, Kind: schemas.KindIntent, Ledger: ledgerID, Key: trusttest.Key("sender")}
	if change != nil {
		change(&cfg)
	}
	return outbox.New(cfg)
}

// start runs the outbox until the returned function has been called.
func start(t *testing.T, o *outbox.Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v, want the context's error", err)
		}
	}
}

// receipts records what became of each item.
type receipts struct {
	mu   sync.Mutex
	sent map[string][]outbox.Sent
}

func (r *receipts) of(item string) func(outbox.Sent) {
	return func(s outbox.Sent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.sent == nil {
			r.sent = map[string][]outbox.Sent{}
		}
		r.sent[item] = append(r.sent[item], s)
	}
}

func (r *receipts) one(t *testing.T, item string) outbox.Sent {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.sent[item]); n != 1 {
		t.Fatalf("item %s was settled %d times, want once", item, n)
	}
	return r.sent[item][0]
}

func TestAnIdleOutboxSendsOneItemAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t}
		o := newBox(b, nil)
		stop := start(t, o)
		var got receipts
		for _, item := range []string{"a", "b", "c"} {
			o.Add("s", []byte(item), got.of(item))
			synctest.Wait()
		}
		lists := b.lists()
		if len(lists) != 3 {
			t.Fatalf("%d lists for three items that came one by one, want 3", len(lists))
		}
		for i, item := range []string{"a", "b", "c"} {
			if s := got.one(t, item); s.Err != nil || s.Position.Seq != uint64(i+1) || s.Position.Index != 0 {
				t.Errorf("item %s: %+v", item, s)
			}
		}
		stop()
	})
}

// TestItemsShareAListUnderLoad: while as many lists as may be are on their way,
// what comes is gathered, and everything gathered shares the next list.
func TestItemsShareAListUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, manual: true}
		o := newBox(b, func(c *outbox.Config) { c.MaxInFlight = 2 })
		stop := start(t, o)
		var got receipts
		for i := range 40 {
			item := fmt.Sprint(i)
			o.Add("s", []byte(item), got.of(item))
			synctest.Wait()
		}
		if n := len(b.lists()); n != 2 {
			t.Fatalf("%d lists on their way, want 2", n)
		}
		for b.acknowledge() > 0 {
			synctest.Wait()
		}
		lists := b.lists()
		if len(lists) != 3 || len(lists[2].items) != 38 {
			t.Fatalf("%d lists, want a third with the other 38 items", len(lists))
		}
		for i := range 38 {
			if s := got.one(t, fmt.Sprint(i+2)); s.Err != nil || s.Position.Seq != 3 || int(s.Position.Index) != i {
				t.Errorf("item %d: %+v, want 3.%d", i+2, s, i)
			}
		}
		stop()
	})
}

func TestListsStayWithinTheirLimits(t *testing.T) {
	tests := []struct {
		name    string
		maxList int
		items   int
		size    int
		want    int // lists beyond the first, which has one item
	}{
		{"configured items", 10, 95, 8, 10},
		{"most items of a list", 0, 2*schemas.MaxItems + 1, 8, 3},
		{"no more than a list may have", 1 << 20, schemas.MaxItems + 1, 8, 2},
		{"bytes", 0, 32, schemas.MaxItem, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{t: t, manual: true}
				o := newBox(b, func(c *outbox.Config) { c.MaxList, c.MaxInFlight = tt.maxList, 1 })
				stop := start(t, o)
				o.Add("s", []byte("first"), nil)
				synctest.Wait()
				for i := range tt.items {
					item := bytes.Repeat([]byte{'x'}, tt.size)
					copy(item, fmt.Sprintf("%07d", i))
					o.Add("s", item, nil)
				}
				for b.acknowledge() > 0 {
					synctest.Wait()
				}
				lists, next := b.lists()[1:], 0
				if len(lists) != tt.want {
					t.Errorf("%d lists, want %d", len(lists), tt.want)
				}
				for _, l := range lists {
					if len(l.items) > schemas.MaxItems || l.bytes > schemas.MaxPayload {
						t.Errorf("a list of %d items in %d bytes", len(l.items), l.bytes)
					}
					for _, item := range l.items {
						if !bytes.HasPrefix(item, fmt.Appendf(nil, "%07d", next)) {
							t.Fatalf("item %d is %.7s", next, item)
						}
						next++
					}
				}
				if next != tt.items {
					t.Errorf("%d items arrived, want %d", next, tt.items)
				}
				stop()
			})
		})
	}
}

// TestSubjectsTakeTurns: a busy subject does not starve another one, and no list
// mixes the two.
func TestSubjectsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, manual: true}
		o := newBox(b, func(c *outbox.Config) { c.MaxList, c.MaxInFlight = 2, 1 })
		stop := start(t, o)
		for i := range 9 {
			o.Add("busy", fmt.Appendf(nil, "busy%d", i), nil)
		}
		o.Add("rare", []byte("rare0"), nil)
		synctest.Wait()
		for b.acknowledge() > 0 {
			synctest.Wait()
		}
		turn := -1
		for i, l := range b.lists() {
			for _, item := range l.items {
				if !bytes.HasPrefix(item, []byte(l.subject)) {
					t.Errorf("%s on subject %s", item, l.subject)
				}
			}
			if l.subject == "rare" {
				turn = i
			}
		}
		if turn < 0 || turn > 2 { // one list may be on its way and another made when it comes
			t.Errorf("the rare subject's turn was number %d, want it next", turn)
		}
		stop()
	})
}

func TestConcurrentAddsKeepEachCallersOrderAndSettleOnce(t *testing.T) {
	b := &broker{t: t}
	o := newBox(b, nil)
	stop := start(t, o)
	const callers, each = 8, 200
	var got receipts
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				item := fmt.Sprintf("%d/%d", c, i)
				o.Add("s", []byte(item), got.of(item))
			}
		})
	}
	wg.Wait()
	o.Flush()
	next := make([]int, callers)
	for seq, l := range b.lists() {
		for index, item := range l.items {
			var c, i int
			if _, err := fmt.Sscanf(string(item), "%d/%d", &c, &i); err != nil || i != next[c] {
				t.Fatalf("%s came where %d/%d was due (%v)", item, c, next[c], err)
			}
			next[c]++
			s := got.one(t, string(item))
			if s.Err != nil || s.Position.Seq != uint64(seq+1) || int(s.Position.Index) != index {
				t.Fatalf("item %s is at %d.%d and was told %+v", item, seq+1, index, s)
			}
		}
	}
	for c, n := range next {
		if n != each {
			t.Errorf("caller %d: %d items arrived, want %d", c, n, each)
		}
	}
	stop()
}

// TestFlushWaitsForWhatDoneDoes: after Flush, whatever done was to set in motion
// has been set in motion.
func TestFlushWaitsForWhatDoneDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, manual: true}
		o := newBox(b, nil)
		stop := start(t, o)
		release, returned := make(chan struct{}), false
		o.Add("s", []byte("a"), func(outbox.Sent) {
			<-release
			returned = true
		})
		synctest.Wait()
		go b.acknowledge()
		flushed := make(chan bool, 1)
		go func() {
			o.Flush()
			flushed <- returned
		}()
		synctest.Wait()
		close(release)
		if !<-flushed {
			t.Error("Flush returned before done did")
		}
		stop()
	})
}

func TestWhatCannotBeSentIsSettledWithItsError(t *testing.T) {
	unknown := &streams.AppendError{Class: streams.ErrUnknown, Cause: errors.New("no answer")}
	refused := &streams.AppendError{Class: streams.ErrRefused, Cause: errors.New("full")}
	tests := []struct {
		name   string
		broker *broker
		item   []byte
		want   error
	}{
		{"not sent", &broker{refuse: refused}, []byte("a"), streams.ErrRefused},
		{"no answer", &broker{failure: unknown}, []byte("a"), streams.ErrUnknown},
		{"larger than any payload", &broker{}, make([]byte, schemas.MaxPayload+1), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.broker.t = t
				o := newBox(tt.broker, func(c *outbox.Config) { c.MaxInFlight = 1 })
				stop := start(t, o)
				var got receipts
				for _, name := range []string{"1", "2"} { // the slot comes back
					o.Add("s", tt.item, got.of(name))
					o.Flush()
					if s := got.one(t, name); s.Err == nil || !errors.Is(s.Err, tt.want) && tt.want != nil || s.Position.Seq != 0 {
						t.Errorf("told %+v, want %v", s, tt.want)
					}
				}
				stop()
			})
		})
	}
}

// TestTheEndSettlesEverything: what is queued when Run ends, and what comes
// later, was never sent; what is on its way is settled by its own answer.
func TestTheEndSettlesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, manual: true}
		o := newBox(b, func(c *outbox.Config) { c.MaxInFlight = 1 })
		stop := start(t, o)
		var got receipts
		o.Add("s", []byte("on its way"), got.of("on its way"))
		synctest.Wait()
		o.Add("s", []byte("queued"), got.of("queued"))
		stop()
		o.Add("s", []byte("late"), got.of("late"))
		o.Add("s", []byte("nobody asks"), nil)
		o.Flush() // returns although something is on its way: Run has ended
		synctest.Wait()
		for _, item := range []string{"queued", "late"} {
			if s := got.one(t, item); !errors.Is(s.Err, outbox.ErrClosed) {
				t.Errorf("item %s: told %v, want ErrClosed", item, s.Err)
			}
		}
		b.acknowledge()
		if s := got.one(t, "on its way"); s.Err != nil || s.Position.Seq != 1 {
			t.Errorf("what was on its way: told %+v", s)
		}
	})
}

// TestDoneMayTakeALockThatAddsCallerHolds also when the outbox has ended: an
// executor adds with its lock held, and its done takes that lock.
func TestDoneMayTakeALockThatAddsCallerHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t}
		o := newBox(b, nil)
		stop := start(t, o)
		var mu sync.Mutex
		settled := 0
		add := func() {
			mu.Lock()
			defer mu.Unlock()
			o.Add("s", []byte("a"), func(outbox.Sent) {
				mu.Lock()
				defer mu.Unlock()
				settled++
			})
		}
		add()
		o.Flush()
		stop()
		add()
		synctest.Wait()
		if settled != 2 {
			t.Errorf("%d of 2 items settled", settled)
		}
	})
}

func TestEveryEnvelopeIsVouchedForBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t}
		var vouched [][]byte
		o := newBox(b, func(c *outbox.Config) {
			c.Vouch = func(data []byte) {
				if len(b.lists()) != len(vouched) {
					t.Error("vouched for after it was sent")
				}
				vouched = append(vouched, data)
			}
		})
		stop := start(t, o)
		for range 3 {
			o.Add("s", []byte("a"), nil)
			o.Flush()
		}
		stop()
		if len(vouched) != 3 {
			t.Errorf("%d envelopes vouched for, want 3", len(vouched))
		}
	})
}
