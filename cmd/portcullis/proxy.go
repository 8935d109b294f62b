package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

func newProxyCommand(g *globals) *cobra.Command {
	var flags routeFlags
	var asking askFlags
	var p proxyFlags
	c := &cobra.Command{
		Use:   "proxy --name NAME --as AGENT --executor EXECUTOR --upstream URL (--map FILE | --openapi FILE)",
		Short: "Put a gateway before an HTTP API",
		Long: `Serves HTTP before an API. Each request becomes an intent on the ledger, by a table
of routes that a file gives, and goes on to the API, once, if it is allowed. What no
route describes, and what could be read in two ways, is refused. The routes are pinned
in the release:

  portcullis proxy tools --name bank --openapi bank.yaml
  portcullis proxy --name bank --as scout --executor gw --upstream http://127.0.0.1:8080 --openapi bank.yaml

Runs until it is interrupted, and writes one line when it can do its work. While
Portcullis is down nothing is forwarded.

JSON: {"event":"ready","role":"proxy","name","server"}; server is the URL for clients`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.runProxy(c.Context(), flags, asking, p) },
	}
	flags.register(c)
	asking.register(c)
	p.register(c)
	c.AddCommand(newProxyToolsCommand(g))
	return c
}

// askFlags are what every gateway of HTTP has.
type askFlags struct {
	as, executor string
	timeout      time.Duration
}

func (f *askFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.as, "as", "", "the agent whose requests these are")
	c.Flags().StringVar(&f.executor, "executor", "", "the executor that this gateway runs; no other process may run it")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "from a request to its deadline, people's approval included")
	required(c, "as", "executor")
}

type proxyFlags struct {
	upstream, listen      string
	hosts, origins        []string
	tokenFile, credential string
}

func (f *proxyFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.upstream, "upstream", "", "URL of the API; a request's path is put behind its path")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:4297", "serve clients at this address; another than this machine's own needs --token")
	c.Flags().StringVar(&f.tokenFile, "token", "", "a file with the token that clients must send as Authorization: Bearer")
	c.Flags().StringVar(&f.credential, "credential", "", "a file with the Authorization that the API gets")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "a name by which clients may reach this besides the machine's own (repeatable)")
	c.Flags().StringArrayVar(&f.origins, "origin", nil, "a web origin whose pages may call (repeatable)")
	required(c, "upstream")
}

func (g *globals) runProxy(ctx context.Context, routes routeFlags, asking askFlags, p proxyFlags) error {
	table, err := routes.table(g.stderr)
	if err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	cfg.Table = table
	parts := gatewayParts{
		agent: asking.as, executor: asking.executor,
		config: heartbeat.Digest("proxy", table.Name(), p.upstream, table.Digest().String()),
	}
	return g.withDesk(ctx, parts, func(ctx context.Context, _ *fabric.Fabric, d *desk.Desk, a *agent.Agent, log *slog.Logger) error {
		cfg.Logger = log
		if cfg.Gateway, err = proxy.New(proxy.Config{Agent: a, Desk: d, Timeout: asking.timeout}); err != nil {
			return err
		}
		server, err := forward.New(cfg)
		if err != nil {
			return usage(err)
		}
		return g.serveProxy(ctx, server.HTTP(), p.listen, table.Name())
	})
}

// config is all that the flags say, their files read.
func (f *proxyFlags) config() (forward.Config, error) {
	cfg := forward.Config{Upstream: f.upstream, Hosts: f.hosts, Origins: f.origins}
	var err error
	if cfg.Token, err = secretIn("--token", f.tokenFile); err != nil {
		return cfg, err
	}
	if cfg.Credential, err = secretIn("--credential", f.credential); err != nil {
		return cfg, err
	}
	if cfg.Token == "" && !forward.Loopback(f.listen) {
		return cfg, usage(fmt.Errorf("--listen %s can be reached from other machines, and whoever reaches it is the agent; give --token FILE, or listen at 127.0.0.1", f.listen))
	}
	return cfg, nil
}

// minSecret is the least length of a token, in bytes: it can be guessed from afar.
const minSecret = 16

// secretIn reads a file with one line that nobody else may read; no name, no secret.
func secretIn(flag, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := fabric.ReadSecret(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	text := strings.TrimSpace(string(data))
	if len(text) < minSecret || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", usage(fmt.Errorf("%s %s holds no line of %d or more printable signs", flag, name, minSecret))
	}
	return text, nil
}

func (g *globals) serveProxy(ctx context.Context, server *http.Server, listen, name string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("serving the proxy: %w; name another address with --listen", err)
	}
	return serveHTTP(ctx, server, listener, func() error { return g.ready("proxy", name, "http://"+listener.Addr().String()) })
}
