package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// brokerConfigFlags say which server's configuration is printed, and where it is
// to stand.
type brokerConfigFlags struct {
	number                                       int
	listen, store, routes, routeListen, tls, out string
}

func newBrokerConfigCommand(g *globals) *cobra.Command {
	var flags brokerConfigFlags
	c := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration of one server for this data folder",
		Long: `Prints the configuration of a server, with an account for each participant. The
first time, it makes the operator's NKey in the data folder, and the password that
servers of a cluster show each other: such a configuration is a secret.

JSON: {"config"}, with --out {"written"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return g.brokerConfig(flags) },
	}
	c.Flags().IntVar(&flags.number, "number", 0, "which of the data folder's servers, from 1 (default the only one)")
	c.Flags().StringVar(&flags.listen, "listen", "", "host:port to listen on (default the server's URL; without --servers this machine and the data folder's port)")
	c.Flags().StringVar(&flags.store, "store", "", "folder of the server's store (default server/ in the data folder; of a cluster server-1/ and so on)")
	c.Flags().StringVar(&flags.routes, "routes", "", "host:port at which the servers reach each other, with commas, in the order of their URLs (default the URLs' hosts, 2000 ports up)")
	c.Flags().StringVar(&flags.routeListen, "route-listen", "", "host:port to listen on for the other servers (default the host of --listen and the port of its route)")
	c.Flags().StringVar(&flags.tls, "tls", "", "folder with the servers' certificates, see portcullis broker tls")
	c.Flags().StringVar(&flags.out, "out", "", "file to write, readable by this user alone, instead of printing")
	return c
}

func (g *globals) brokerConfig(flags brokerConfigFlags) error {
	f, err := g.fabric()
	if err != nil {
		return err
	}
	at, err := flags.place()
	if err != nil {
		return usage(err)
	}
	text, err := zone.BrokerConfig(f, at)
	if err != nil {
		return err
	}
	if flags.out == "" {
		return g.say(map[string]string{"config": text}, "%s", text)
	}
	if err := fabric.WriteSecret(flags.out, []byte(text)); err != nil {
		return &failure{exitLocalState, err}
	}
	return g.say(map[string]string{"written": flags.out}, "wrote %s\nnext: portcullis broker run %s\n", flags.out, flags.out)
}

func (b brokerConfigFlags) place() (at zone.Listen, err error) {
	at.Number = b.number
	if at.Host, at.Port, err = listenAddress("--listen", b.listen); err != nil {
		return at, err
	}
	if at.RouteHost, at.RoutePort, err = listenAddress("--route-listen", b.routeListen); err != nil {
		return at, err
	}
	if b.routes != "" {
		at.Routes = strings.Split(b.routes, ",")
	}
	if at.StoreDir, err = absolute(b.store); err != nil {
		return at, err
	}
	at.TLSDir, err = absolute(b.tls)
	return at, err
}

// absolute is a path that means the same wherever the server is started.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

func listenAddress(flag, text string) (host string, port int, err error) {
	if text == "" {
		return "", 0, nil
	}
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%s %q is not host:port: %w", flag, text, err)
	}
	if port, err = strconv.Atoi(number); err != nil {
		return "", 0, errors.New(flag + " " + strconv.Quote(text) + ": the port is no number")
	}
	return host, port, nil
}
