package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/mcp"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

func newMCPCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "mcp",
		Short: "Put a gateway before a server of the Model Context Protocol",
		Long: `A gateway stands between an agent platform and a server of MCP. Each tools/call
becomes an intent on the ledger, and goes on to the server, once, if it is allowed;
everything else passes as it is. The tools that a server may offer are pinned in the
release by the digest of their definitions:

  portcullis mcp pin --name fs -- npx @modelcontextprotocol/server-filesystem DIR
  portcullis mcp stdio --name fs --as scout --executor gw -- npx @modelcontextprotocol/server-filesystem DIR
  portcullis mcp http --name api --as scout --executor gw --upstream http://127.0.0.1:3000/mcp

While Portcullis is down no tool runs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMCPStdioCommand(g), newMCPHTTPCommand(g), newMCPPinCommand(g))
	return c
}

// gatewayFlags are what both transports have.
type gatewayFlags struct {
	server, as, executor string
	refuse, resource     string
	showAll              bool
	timeout              time.Duration
}

func (f *gatewayFlags) register(g *globals, c *cobra.Command) {
	c.Flags().StringVar(&f.server, "name", "", "what the release calls the server: its tools are NAME-TOOL there")
	c.Flags().StringVar(&f.as, "as", "", "the agent whose calls these are")
	c.Flags().StringVar(&f.executor, "executor", "", "the executor that this gateway runs; no other process may run it")
	c.Flags().StringVar(&f.refuse, "refuse", "error", "how to answer what is refused: error (JSON-RPC, code -32001) or result (with isError)")
	c.Flags().StringVar(&f.resource, "resource", "", "the argument that is the resource of tools for which the release names none (default: the server's name)")
	c.Flags().BoolVar(&f.showAll, "show-all", false, "list tools that could not be called as well")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "from a call to its deadline")
	required(c, "name", "as", "executor")
	g.watched(c)
}

func (f *gatewayFlags) refusals() (mcp.Refusals, error) {
	switch f.refuse {
	case "error":
		return mcp.RefuseWithError, nil
	case "result":
		return mcp.RefuseWithResult, nil
	default:
		return 0, usage(fmt.Errorf("--refuse %q is unknown; give error or result", f.refuse))
	}
}

func (f *gatewayFlags) check() error {
	if _, err := f.refusals(); err != nil {
		return err
	}
	if f.timeout <= 0 {
		return usage(errors.New("--timeout must be more than nothing; give for example 30s"))
	}
	return checkServerName(f.server)
}

// withGateway runs an MCP gateway's parts, and the given function while they can work.
func (g *globals) withGateway(ctx context.Context, flags *gatewayFlags, serve func(context.Context, *mcp.Gateway, *slog.Logger) error) error {
	if err := flags.check(); err != nil {
		return err
	}
	parts := gatewayParts{agent: flags.as, executor: flags.executor, config: heartbeat.Digest("mcp", flags.server)}
	return g.withDesk(ctx, parts, func(ctx context.Context, f *fabric.Fabric, d *desk.Desk, a *agent.Agent, log *slog.Logger) error {
		refusals, _ := flags.refusals() // checked above
		gateway, err := mcp.New(mcp.Config{
			Agent: a, Desk: d, Server: flags.server, Book: bookOf(f, flags.as), Logger: log,
			Refusals: refusals, Resource: flags.resource, ShowAll: flags.showAll, Timeout: flags.timeout,
		})
		if err != nil {
			return err
		}
		return serve(ctx, gateway, log)
	})
}

func bookOf(f *fabric.Fabric, agent string) mcp.Book {
	id := trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: pb.Role_ROLE_AGENT, Name: agent}
	return mcp.NewBook(id, func() (*governance.Release, error) { return f.Release() })
}
