package main

import (
	"github.com/spf13/cobra"
)

func newBrokerCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "broker",
		Short: "Run brokers of your own instead of the embedded one: one server, or a cluster of three",
		Long: `A zone's ledger can stand on servers of your own: on one, or on three that each
keep a copy and go on when one of them is lost. A server needs a configuration that
enforces who may write what; the zone needs its streams and governance records.

One server:
  portcullis broker config --out portcullis.conf
  portcullis broker run portcullis.conf
  portcullis broker found --server nats://127.0.0.1:4222

Three servers, h1 to h3, with TLS:
  portcullis broker tls --out tls --host h1 --host h2 --host h3
  portcullis init --servers tls://h1:4222,tls://h2:4222,tls://h3:4222 --replicas 3 --tls-ca tls/ca.pem
  portcullis broker config --number 1 --tls tls --out h1.conf     and so for 2 and 3
  portcullis broker run h1.conf                                   on h1, and so on
  portcullis broker found

Before a server that leads is stopped:
  portcullis broker stepdown --leader home-1

A plain nats-server runs the same configuration. When somebody is enrolled, print
the configuration of each server again and send each of them SIGHUP. (Signal a plain
nats-server twice, a second apart: server 2.15 gives an account that is new in a
reload its imports only at the next one.)`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBrokerTLSCommand(g), newBrokerConfigCommand(g), newBrokerRunCommand(g), newBrokerFoundCommand(g), newBrokerStepDownCommand(g))
	return c
}
