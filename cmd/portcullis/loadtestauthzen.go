package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/peers"
)

// newLoadtestAuthZENCommand is for the comparison with peers, which starts it itself.
func newLoadtestAuthZENCommand(g *globals) *cobra.Command {
	port := 0
	c := &cobra.Command{
		Use:    "authzen",
		Short:  "Answer AuthZEN questions without a ledger, to be measured",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(c *cobra.Command, _ []string) error { return g.runLoadtestAuthZEN(c.Context(), port) },
	}
	c.Flags().IntVar(&port, "port", 0, "to listen on, on this machine only; 0: any free one")
	return c
}

const (
	authzenHeader = 10 * time.Second // for a request's header to come
	authzenEnd    = 5 * time.Second  // for requests under way, when it ends
)

func (g *globals) runLoadtestAuthZEN(ctx context.Context, port int) error {
	f, _, err := g.open()
	if err != nil {
		return err
	}
	direct, err := peers.NewDirect(f)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	if err := g.ready("authzen", "", fmt.Sprintf("http://%s", listener.Addr())); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: direct.Handler(), ReadHeaderTimeout: authzenHeader}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), authzenEnd)
		defer cancel()
		ended <- server.Shutdown(within)
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}
