package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/access"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// noConsole as an address means that none is served.
const noConsole = "none"

// upConsole is the console that `up` serves besides.
type upConsole struct {
	address string
	asked   bool // somebody named the address

	url    string // where it serves; "" if it does not
	why    string // why it does not
	parts  *consoleParts
	server *http.Server
	done   chan struct{}
}

func (u *upConsole) register(c *cobra.Command) {
	c.Flags().StringVar(&u.address, "console", consoleAddress, "serve the web console at this address of this machine, or "+noConsole)
}

// startConsole serves the console of a zone that runs here.
func (g *globals) startConsole(ctx context.Context, console *upConsole, f *fabric.Fabric, z *zone.Zone, log *slog.Logger) error {
	broker := zone.Broker{URL: z.URL()}
	if !g.ownBroker(f) {
		var err error
		if broker, err = g.broker(f); err != nil {
			return err
		}
	}
	return console.start(ctx, f, broker, log)
}

// start serves until close. An address that nobody asked for may be taken: what
// governs is not held back because nobody can look on. One that was asked for must do.
func (u *upConsole) start(ctx context.Context, f *fabric.Fabric, broker zone.Broker, log *slog.Logger) error {
	if u.address == noConsole {
		u.why = noConsole
		return nil
	}
	if !onThisMachine(u.address) {
		return usage(fmt.Errorf("--console %s can be reached from elsewhere; give an address of this machine here, and serve others with: portcullis console", u.address))
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", u.address)
	switch {
	case err != nil && u.asked:
		return fmt.Errorf("serving the console: %w; name another address with --console, or %s", err, noConsole)
	case err != nil:
		u.why = fmt.Sprintf("none: %v; name another address with --console", err)
		return nil
	}
	u.parts = &consoleParts{f: f, broker: broker, log: log, access: access.Loopback{}, remember: history.DefaultIntents}
	handler, err := u.parts.handler()
	if err != nil {
		return fmt.Errorf("serving the console: %w", err)
	}
	u.url = "http://" + listener.Addr().String()
	u.server, u.done = consoleServer(ctx, handler, log), make(chan struct{})
	go func() {
		defer close(u.done)
		if err := u.server.Serve(listener); err != nil && ctx.Err() == nil {
			log.Error("the console ended", "err", err)
		}
	}()
	return nil
}

// close ends it, with whatever it was asked for and has not answered yet.
func (u *upConsole) close() {
	if u.server != nil {
		_ = u.server.Close() // the listener goes with the process
		<-u.done
	}
	if u.parts != nil {
		u.parts.close()
	}
}

// text is where it is, for people.
func (u *upConsole) text() string {
	if u.url != "" {
		return u.url
	}
	return u.why
}
