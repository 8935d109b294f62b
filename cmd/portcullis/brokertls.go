package main

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
)

func newBrokerTLSCommand(g *globals) *cobra.Command {
	var out string
	var hosts []string
	c := &cobra.Command{
		Use:   "tls",
		Short: "Make a small authority and a certificate for each server",
		Long: `Makes in a folder ca.pem and ca.key, and for each --host a pair server-1.pem and
server-1.key, server-2.pem and so on, valid for those names or addresses and for
this machine. What is there already stays. It is for small set-ups; with an
authority of your own, put your files there under these names.

JSON: {"folder","ca","servers"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return g.brokerTLS(out, hosts) },
	}
	c.Flags().StringVar(&out, "out", "", "folder to make (required)")
	c.Flags().StringArrayVar(&hosts, "host", nil, "host or address of a server, several of one server with commas; once for each server, in the order of their URLs")
	_ = c.MarkFlagRequired("out")
	return c
}

func (g *globals) brokerTLS(out string, hosts []string) error {
	if len(hosts) == 0 {
		return usage(errors.New("no server is named; give --host once for each"))
	}
	var servers [][]string
	for _, names := range hosts {
		servers = append(servers, strings.Split(names, ","))
	}
	if _, err := fabric.MakeServerTLS(out, servers, time.Now()); err != nil {
		return &failure{exitLocalState, err}
	}
	ca := filepath.Join(out, "ca.pem")
	return g.say(object{"folder": out, "ca": ca, "servers": len(servers)}, "certificates of %d servers stand in %s\ngive participants the authority with: portcullis init --tls-ca %s\n", len(servers), out, ca)
}
