package door

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Config is what a door needs. All fields but TLS are required.
type Config struct {
	Address string                   // host:port to listen on; port 0: any free one
	Dial    func() (net.Conn, error) // a new client connection of the server behind the door
	Guests  []Guest                  // who may come in
	Limits  Limits                   // of each agent
	TLS     *tls.Config              // nil: clients speak in the clear
	Logger  *slog.Logger
}

// Guest is somebody who may come in. The zero value may not.
type Guest struct {
	Name    string // for people
	Key     string // public NKey ("U…")
	Trusted bool   // no agent: not limited in what it sends
}

// Door is an open door. Safe for concurrent use.
type Door struct {
	cfg      Config
	listener net.Listener
	done     chan struct{} // closed by Close
	running  sync.WaitGroup
	closing  sync.Once
	pace     *pace
	lobby    lobby

	mu     sync.Mutex
	guests map[string]*guest // by key
	visits map[*visit]bool
}

// Open listens. The server behind it must listen nowhere else, or whoever knows
// where walks around the door.
func Open(cfg Config) (*Door, error) {
	if cfg.Dial == nil || cfg.Logger == nil || len(cfg.Guests) == 0 {
		return nil, errors.New("door: Dial, Logger and at least one guest are required")
	}
	if err := cfg.Limits.Check(); err != nil {
		return nil, err
	}
	d := &Door{cfg: cfg, done: make(chan struct{}), pace: newPace(), guests: make(map[string]*guest), visits: make(map[*visit]bool)}
	if err := d.Admit(cfg.Guests); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Address) //nolint:noctx // returns at once
	if err != nil {
		return nil, fmt.Errorf("door: %w; stop what uses the address, or choose another", err)
	}
	d.listener = listener
	d.running.Go(d.accept)
	return d, nil
}

// Addr is where it listens.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// URL is where clients connect.
func (d *Door) URL() string {
	scheme := "nats"
	if d.cfg.TLS != nil {
		scheme = "tls"
	}
	return scheme + "://" + d.Addr().String()
}

// Close ends every connection and waits until all is ended. It may be called
// again.
func (d *Door) Close() {
	d.closing.Do(func() {
		d.mu.Lock()
		close(d.done)
		for v := range d.visits {
			v.end()
		}
		d.mu.Unlock()
		_ = d.listener.Close() // whoever waits in Accept is told
	})
	d.running.Wait()
}

// accept takes connections until the door is closed.
func (d *Door) accept() {
	for {
		client, err := d.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files, say: it passes, or the door stays shut
			d.cfg.Logger.Error("door: a connection was not accepted", "err", err)
			pause(d.done, acceptAfter)
		case !d.pace.admits(addressOf(client.RemoteAddr()), time.Now()):
			_ = client.Close() // it hears nothing, and it cost next to nothing
		default:
			d.running.Go(func() { d.serve(client) })
		}
	}
}

const acceptAfter = 50 * time.Millisecond

// pause waits; false: something was done meanwhile.
func pause(done <-chan struct{}, wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

func addressOf(from net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return netip.Addr{} // one place for all who have none
	}
	return at.Addr().Unmap()
}

// serve is one connection from its first byte to its last.
func (d *Door) serve(client net.Conn) {
	v := newVisit(d, client)
	defer v.end()
	if !d.begin(v) {
		return
	}
	defer d.forget(v)
	if err := v.run(); err != nil && !errors.Is(err, errOver) {
		d.cfg.Logger.Info("door: a connection was ended", "from", client.RemoteAddr().String(), "who", v.name(), "why", err)
	}
}

// begin notes a visit, so that Close ends it; false: the door is closed.
func (d *Door) begin(v *visit) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.done:
		return false
	default:
		d.visits[v] = true
		return true
	}
}

func (d *Door) forget(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.visits, v)
}
