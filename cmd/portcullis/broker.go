package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/zone"
)

func newBrokerCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "broker",
		Short: "Use a NATS server of your own instead of the embedded one",
		Long: `A NATS server of your own needs a configuration that enforces who may write what,
the streams, and the governance records:

  portcullis broker config > portcullis.conf
  nats-server -c portcullis.conf
  portcullis broker found --server nats://127.0.0.1:4222

When somebody is enrolled, print the configuration again and signal the server
twice (nats-server --signal reload), a second apart: server 2.15 gives an account
that is new in a reload its imports only at the next one.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBrokerConfigCommand(g), newBrokerFoundCommand(g))
	return c
}

func newBrokerConfigCommand(g *globals) *cobra.Command {
	var listen, store string
	c := &cobra.Command{
		Use:   "config",
		Short: "Print the nats-server configuration for this data folder",
		Long: `Prints a nats-server configuration with an account for each participant. The
first time, it makes the operator's NKey in the data folder.

JSON: {"config"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return g.brokerConfig(listen, store) },
	}
	c.Flags().StringVar(&listen, "listen", "", "host:port to listen on (default this machine and the data folder's port)")
	c.Flags().StringVar(&store, "store", "", "folder of the server's store (default server/ in the data folder)")
	return c
}

func (g *globals) brokerConfig(listen, store string) error {
	f, err := g.fabric()
	if err != nil {
		return err
	}
	at := zone.Listen{StoreDir: store}
	if listen != "" {
		host, port, err := net.SplitHostPort(listen)
		if err != nil {
			return usage(fmt.Errorf("--listen %q is not host:port: %w", listen, err))
		}
		if at.Port, err = strconv.Atoi(port); err != nil {
			return usage(fmt.Errorf("--listen %q: the port is no number: %w", listen, err))
		}
		at.Host = host
	}
	text, err := zone.BrokerConfig(f, at)
	if err != nil {
		return err
	}
	return g.say(map[string]string{"config": text}, "%s", text)
}

func newBrokerFoundCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "found",
		Short: "Make the streams on your server and append the governance records",
		Long: `Makes the zone's streams, or verifies those that are there, and appends genesis
and every release that the ledger lacks. Safe to repeat. Needs the operator's
NKey and a governor's key in the data folder.

JSON: {"founded","server"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.brokerFound(c.Context()) },
	}
}

func (g *globals) brokerFound(ctx context.Context) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	url, err := g.url(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	if err := zone.FoundAt(ctx, f, url, log); err != nil {
		return orUnreachable(fmt.Errorf("founding the ledger at %s: %w", url, err))
	}
	return g.say(map[string]string{"founded": f.Ledger.String(), "server": url}, "The ledger %s stands at %s.\n", f.Ledger.Short(), url)
}
