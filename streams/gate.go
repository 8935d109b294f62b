package streams

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// gate is the door before a server, and what it takes out of the server's options
// to be the only way in.
type gate struct {
	limits door.Limits // of each agent; zero: door.DefaultLimits
	at     string      // host:port
	tls    atomic.Pointer[tls.Config]
	door   *door.Door // nil until it is open
}

// inProcess is the server's word for connections from its own process.
const inProcess = "IN_PROCESS"

// behind puts a server behind the door, and returns the TLS that the door is to
// speak. Keys open connections from inside the process only, so that the server may
// listen where it must: one of a cluster (2.15) opens its routes only once it listens
// for clients. It does so on this machine, and tells everybody of the door.
func (g *gate) behind(opts *server.Options) *tls.Config {
	g.at = net.JoinHostPort(opts.Host, strconv.Itoa(max(opts.Port, 0))) // -1: any free one
	shown := opts.TLSConfig
	opts.TLS, opts.TLSConfig = false, nil
	if opts.Cluster.Port == 0 {
		opts.DontListen = true
	} else {
		opts.Host, opts.Port = "127.0.0.1", server.RANDOM_PORT
		opts.ClientAdvertise = orElse(opts.ClientAdvertise, g.at)
	}
	for _, user := range opts.Nkeys {
		user.AllowedConnectionTypes = map[string]struct{}{inProcess: {}}
	}
	return shown
}

// open opens the door before a server that is ready.
func (g *gate) open(s *Server, opts *server.Options, shown *tls.Config) (err error) {
	if g.limits == (door.Limits{}) {
		g.limits = door.DefaultLimits
	}
	g.tls.Store(shown)
	if shown != nil { // the newest is asked for at each handshake
		shown = shown.Clone()
		shown.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return g.tls.Load(), nil }
	}
	g.door, err = door.Open(door.Config{
		Address: g.at, Dial: s.ns.InProcessConn, Guests: door.ByRights(opts.Nkeys), Limits: g.limits, TLS: shown, Logger: s.log.log,
	})
	if err != nil {
		return fmt.Errorf("streams: start server: %w", err)
	}
	return nil
}

// errMoved refuses what only another start can change.
var errMoved = errors.New("the server's address, or whether it speaks TLS, cannot change while it runs; stop it and start it again")

// reload puts other options in force, and lets in by the door who is in them.
func (g *gate) reload(ns *server.Server, opts *server.Options) error {
	at := g.at
	shown := g.behind(opts)
	if g.at != at || (shown == nil) != (g.tls.Load() == nil) {
		g.at = at
		return errMoved
	}
	if err := ns.ReloadOptions(opts); err != nil {
		return err
	}
	g.tls.Store(shown)
	return g.door.Admit(door.ByRights(opts.Nkeys))
}

func (g *gate) close() {
	if g.door != nil {
		g.door.Close()
	}
}

// Visitors is what the server's door knows of everybody who may come in.
func (s *Server) Visitors() []door.Visitor { return s.gate.door.Seen() }
