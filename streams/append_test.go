package streams

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// lossyProxy passes bytes on; deaf, it passes none from the server to the client.
type lossyProxy struct {
	l    net.Listener
	deaf atomic.Bool
	mu   sync.Mutex
	open []net.Conn
}

func newProxy(t *testing.T, url string) *lossyProxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	p := &lossyProxy{l: l}
	t.Cleanup(func() { _ = l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "nats://"))
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, in, out)
			p.mu.Unlock()
			go func() { _, _ = io.Copy(out, in) }()
			go p.back(in, out)
		}
	}()
	return p
}

func (p *lossyProxy) back(in, out net.Conn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		if err != nil {
			_ = in.Close()
			return
		}
		if !p.deaf.Load() {
			_, _ = in.Write(buf[:n])
		}
	}
}

// cut ends every connection.
func (p *lossyProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// A record whose acknowledgement is lost is unknown, never refused, and it is in the ledger.
func TestAppendUnknown(t *testing.T) {
	for name, lose := range map[string]func(*lossyProxy){
		"no answer": func(*lossyProxy) {}, "connection lost": (*lossyProxy).cut,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			p := newProxy(t, w.url())
			alice := w.connectWith("alice", func(c *ConnConfig) {
				c.Server, c.URL, c.AckTimeout = nil, "nats://"+p.l.Addr().String(), 500*time.Millisecond
			})
			p.deaf.Store(true)
			answer := make(chan error, 2)
			must(t, alice.AppendAsync(soon(t), intent, []byte("x"), func(_ uint64, err error) { answer <- err }))
			eventually(t, "stored", func() bool { return w.ledgerHead(Ledger) == 1 })
			lose(p)
			wantErr(t, <-answer, ErrUnknown, intent)
			p.deaf.Store(false)
			p.cut()
			eventually(t, "works again", func() bool {
				_, err := alice.Append(soon(t), intent, []byte("y"))
				return err == nil
			})
			select {
			case err := <-answer:
				t.Errorf("called back twice: %v", err)
			default:
			}
		})
	}
}

func TestAppendUnreachable(t *testing.T) {
	w := newWorld(t, nil)
	w.tcp = true
	alice := w.connect("alice")
	w.server.Shutdown()
	eventually(t, "lost", func() bool { return !alice.Connected() })
	_, err := alice.Append(soon(t), intent, []byte("x"))
	wantErr(t, err, ErrUnreachable, intent)
	alice.Close()
	_, err = alice.Append(soon(t), intent, []byte("x"))
	wantErr(t, err, ErrUnreachable)

	none := newWorld(t, func(c *ServerConfig) { c.Zones = nil })
	_, err = none.connect("alice").Append(soon(t), intent, []byte("x"))
	wantErr(t, err, ErrUnreachable, "LEDGER_z does not exist")
}

func TestAppendRefused(t *testing.T) {
	w := newWorld(t, func(c *ServerConfig) { c.Zones[0].MaxBytes = 3 << 20 })
	alice := w.connect("alice")
	for _, subject := range []string{"", "fabric", "fabric.z", "fabric.z.", "fabric.y.intent.alice", "live.fabric.z.x", "answer.z.alice", "$JS.API.INFO", "checkpoint.y"} {
		_, err := alice.Append(soon(t), subject, nil)
		wantErr(t, err, ErrRefused)
	}
	_, err := alice.Append(soon(t), intent, make([]byte, schemas.MaxEnvelope+1))
	wantErr(t, err, ErrRefused, "bytes")
	_, err = alice.Append(soon(t), subj(schemas.KindGovernance, ""), []byte("x"))
	wantErr(t, err, ErrRefused, "fabric.z.governance")
	w.append(alice, intent, strings.Repeat("x", schemas.MaxEnvelope)) // the largest that there may be

	var full error
	stored := uint64(1)
	for full == nil && stored < 10 {
		if _, full = alice.Append(soon(t), intent, make([]byte, 1<<20)); full == nil {
			stored++
		}
	}
	wantErr(t, full, ErrRefused, "LEDGER_z is full", "maximum bytes")
	if head := w.ledgerHead(Ledger); head != stored {
		t.Errorf("head is %d, want %d", head, stored)
	}
	contiguous(t, w.follow(w.connect("enf"), FollowConfig{}).upTo(t, stored), 1) // it denies; it forgets nothing
}

func TestAppendAsyncKeepsOrder(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connectWith("alice", func(c *ConnConfig) { c.MaxInFlight = 16 })
	var inFlight, most atomic.Int64
	var seqs []uint64 // written by the one goroutine that calls back
	done := make(chan struct{})
	const n = 5000
	for range n {
		most.Store(max(most.Load(), inFlight.Add(1)))
		must(t, alice.AppendAsync(soon(t), intent, []byte("x"), func(seq uint64, err error) {
			inFlight.Add(-1)
			if err != nil {
				t.Error(err)
			}
			if seqs = append(seqs, seq); len(seqs) == n {
				close(done)
			}
		}))
	}
	<-done
	for i, seq := range seqs {
		if seq != uint64(i)+1 {
			t.Fatalf("append %d came to position %d", i+1, seq)
		}
	}
	if most.Load() > 18 {
		t.Errorf("%d appends in flight, want at most 16, one that waits and one that is called back", most.Load())
	}
}

func TestAppendAsyncBlocksUntilContextEnds(t *testing.T) {
	w := newWorld(t, nil)
	p := newProxy(t, w.url())
	alice := w.connectWith("alice", func(c *ConnConfig) {
		c.Server, c.URL, c.MaxInFlight, c.AckTimeout = nil, "nats://"+p.l.Addr().String(), 2, time.Second
	})
	p.deaf.Store(true)
	answers := make(chan error, 2)
	for range 2 {
		must(t, alice.AppendAsync(soon(t), intent, nil, func(_ uint64, err error) { answers <- err }))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := alice.AppendAsync(ctx, intent, nil, func(uint64, error) { t.Error("called back for what was not sent") })
	wantErr(t, err, ErrUnreachable)
	wantErr(t, err, context.DeadlineExceeded)
	for range 2 {
		wantErr(t, <-answers, ErrUnknown)
	}
	p.deaf.Store(false)
}

// What an acknowledgement proves, and what not.
func TestVerdictOfAcknowledgements(t *testing.T) {
	for answer, want := range map[string]error{
		`{"stream":"LEDGER_z","seq":7}`:                  nil,
		`{"stream":"LEDGER_y","seq":7}`:                  ErrUnknown,
		`{"stream":"LEDGER_z","seq":7,"duplicate":true}`: ErrUnknown,
		`{"stream":"LEDGER_z"}`:                          ErrUnknown,
		`{}`:                                             ErrUnknown,
		``:                                               ErrUnknown,
		`not json`:                                       ErrUnknown,
		`{"error":{"err_code":10077,"description":"maximum bytes exceeded"},"stream":"LEDGER_z"}`:       ErrRefused,
		`{"error":{"err_code":10077,"description":"store is closed"},"stream":"LEDGER_z"}`:              ErrUnknown,
		`{"error":{"err_code":10054,"description":"message size exceeds"},"stream":"LEDGER_z"}`:         ErrRefused,
		`{"error":{"err_code":10071,"description":"wrong last sequence"},"stream":"LEDGER_z"}`:          ErrUnknown,
		`{"error":{"err_code":10164,"description":"wrong last sequence: unknown"},"stream":"LEDGER_z"}`: ErrUnknown,
		`{"error":{"err_code":1,"description":"?"},"stream":"LEDGER_z","seq":7}`:                        ErrUnknown,
	} {
		seq, err := verdictOf(&nats.Msg{Data: []byte(answer)}, intent, "LEDGER_z")
		if !errors.Is(err, want) || (err == nil) != (want == nil) || (seq == 7) != (err == nil) {
			t.Errorf("%s: %d, %v; want %v", answer, seq, err, want)
		}
	}
	_, err := verdictOf(&nats.Msg{Header: nats.Header{"Status": {"503"}}}, intent, "LEDGER_z")
	wantErr(t, err, ErrUnreachable)
}
