package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/stdio"
	"github.com/portcullis-dev/portcullis/gateway/mcp/web"
	"github.com/portcullis-dev/portcullis/schemas"
)

func newMCPPinCommand(g *globals) *cobra.Command {
	var p mcp.Pinning
	var upstream string
	c := &cobra.Command{
		Use:   "pin --name NAME (--upstream URL | -- COMMAND [ARGUMENT …])",
		Short: "Print a server's tools as entries of a release's tools.yaml",
		Long: `Asks a server for its tools and prints them as a release has them: name, arguments,
and the digest of the definition. Read the descriptions before you sign them: they are
what models will believe. Append the entries to release/tools.yaml, enroll an executor
for the gateway, let agents use the tools, and publish.

The resource of a tool is the server's name, or the argument that --resource or the
tool's own x-authzen-mapping names. A tool whose mapping says more than a release can
is not pinned: the others are printed, and this fails.

JSON: one object a tool: {"name","tool","definition_digest"}`,
		RunE: func(c *cobra.Command, args []string) error {
			if (upstream == "") == (len(args) == 0) {
				return usage(errors.New("give either --upstream or the server's command after --"))
			}
			if err := checkServerName(p.Server); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), pinWithin)
			defer cancel()
			tools, err := g.listTools(ctx, upstream, args)
			if err != nil {
				return err
			}
			return g.pinned(p, tools)
		},
	}
	c.Flags().StringVar(&p.Server, "name", "", "what the release calls the server")
	c.Flags().StringVar(&upstream, "upstream", "", "URL of a server that speaks over HTTP")
	c.Flags().StringVar(&p.ResourceType, "resource-type", "Server", "the Cedar type of what the tools act upon, unless they declare another")
	c.Flags().StringToStringVar(&p.Resources, "resource", nil, "TOOL=ARGUMENT: the argument that is the tool's resource, a required string (repeatable)")
	required(c, "name")
	return c
}

// pinWithin bounds how long a server may take to list its tools.
const pinWithin = time.Minute

func checkServerName(name string) error {
	if err := schemas.CheckName(name); err != nil || len(name) > maxServerName {
		return usage(fmt.Errorf("--name %q is no name: 1 to %d letters a-z, digits and dashes inside", name, maxServerName))
	}
	return nil
}

// maxServerName leaves room for a tool's name and its digest.
const maxServerName = 24

func (g *globals) listTools(ctx context.Context, upstream string, command []string) ([]mcp.Definition, error) {
	if upstream != "" {
		return web.Tools(ctx, upstream)
	}
	return stdio.Tools(ctx, g.stderr, command...)
}

func (g *globals) pinned(p mcp.Pinning, tools []mcp.Definition) error {
	text, refused := mcp.Pin(p, tools)
	if !g.json {
		_, err := io.WriteString(g.stdout, text)
		return errors.Join(err, refused)
	}
	if refused != nil {
		return refused
	}
	for _, d := range tools {
		if err := writeJSON(g.stdout, map[string]string{"name": mcp.ToolName(p.Server, d.Name), "tool": d.Name, "definition_digest": d.Digest.String()}); err != nil {
			return err
		}
	}
	return nil
}
