package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	"github.com/portcullis-dev/portcullis/gateway/proxy/openapi"
)

// routeFlags name a table of routes.
type routeFlags struct{ name, mapFile, openapi, resourceType string }

func (f *routeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "what the release calls the API: its tools are NAME-OPERATION there")
	c.Flags().StringVar(&f.mapFile, "map", "", "a mapping file")
	c.Flags().StringVar(&f.openapi, "openapi", "", "an OpenAPI document (3.0 or 3.1, YAML or JSON)")
	c.Flags().StringVar(&f.resourceType, "resource-type", "Endpoint", "the Cedar type of what an OpenAPI document's operations act upon")
	required(c, "name")
}

func (f *routeFlags) table(stderr io.Writer) (*mapping.Table, error) {
	if err := checkServerName(f.name); err != nil {
		return nil, err
	}
	if (f.mapFile == "") == (f.openapi == "") {
		return nil, usage(errors.New("give either --map or --openapi"))
	}
	file := f.mapFile + f.openapi
	data, err := readRoutes(file)
	if err != nil {
		return nil, err
	}
	routes, err := f.parse(data, stderr)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", file, err))
	}
	table, err := mapping.New(f.name, routes)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", file, err))
	}
	return table, nil
}

// parse tells of operations that it leaves out: requests for them will be refused.
func (f *routeFlags) parse(data []byte, stderr io.Writer) ([]mapping.Route, error) {
	if f.openapi == "" {
		return mapping.Parse(data)
	}
	routes, skipped, err := openapi.Routes(data, f.resourceType)
	for _, s := range skipped {
		fmt.Fprintf(stderr, "portcullis: %s %s is left out, and will be refused: %v\n", s.Method, s.Path, s.Why)
	}
	return routes, err
}

func readRoutes(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usage(err)
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, mapping.MaxFile+1))
}

func newProxyToolsCommand(g *globals) *cobra.Command {
	var flags routeFlags
	var form, group, as string
	c := &cobra.Command{
		Use:   "tools --name NAME (--map FILE | --openapi FILE)",
		Short: "Print an API's operations as entries of a release's tools.yaml",
		Long: `Prints operations as a release has them: name, arguments, and the digest of the
route. Append the entries to release/tools.yaml, let agents use the tools, and publish.
With --print policy a first policy, which lets a group do what only reads, and with
--print cases its tests.

JSON: one object an operation: {"name","operation","definition_digest"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			table, err := flags.table(g.stderr)
			if err != nil {
				return err
			}
			return g.printRoutes(table, form, group, as)
		},
	}
	flags.register(c)
	c.Flags().StringVar(&form, "print", "tools", "what to print: tools, policy or cases")
	c.Flags().StringVar(&group, "group", "staff", "the group that the policy is about")
	c.Flags().StringVar(&as, "as", "scout", "an agent of that group, for the tests")
	return c
}

func (g *globals) printRoutes(table *mapping.Table, form, group, as string) error {
	var text string
	var err error
	switch {
	case g.json:
		return g.listRoutes(table)
	case form == "tools":
		text, err = table.Entries()
	case form == "policy":
		text = table.Policy(group)
	case form == "cases":
		text = table.Cases(as)
	default:
		return usage(fmt.Errorf("--print %q is unknown; give tools, policy or cases", form))
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(g.stdout, text)
	return err
}

func (g *globals) listRoutes(table *mapping.Table) error {
	for _, t := range table.Tools() {
		if err := writeJSON(g.stdout, map[string]string{"name": t.Name, "operation": t.Operation, "definition_digest": t.Definition.String()}); err != nil {
			return err
		}
	}
	return nil
}
