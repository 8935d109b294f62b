package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/zone"
)

// healthFlags say what is asked for its health.
type healthFlags struct {
	part, broker, witness, console string
	authority                      string // file
}

func newHealthCommand(g *globals) *cobra.Command {
	var flags healthFlags
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a process of this machine whether it could act now",
		Long: `Asks one process, and exits with 0 only if it shows that it could do its work now:

  --part SOCKET   a part that runs as portcullis part … --health SOCKET: it is armed
                  or deciding, pulsing or signing, its broker answers, and it reads
                  what stands on the ledger while it is asked
  --broker URL    a NATS server by its monitoring address: it takes clients, JetStream
                  runs, and every stream that it holds is up with its leader
  --witness URL   a witness: it judges what it is shown
  --console URL   a console: it answers; what it knows of the ledger its pages tell.
                  If it serves TLS, --tls-ca has the authority of its certificate

No answer, a late one and one that is not understood are no health. It takes 7 s at
most. It needs no data folder and no key.

Exit code 0: it could act; 9: it could not, or cannot be seen to.

JSON: {"able":true,"role","name","position"}; of brokers, witnesses and consoles only "able" and "role"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.health(c.Context(), flags) },
	}
	c.Flags().StringVar(&flags.part, "part", "", "socket of a part")
	c.Flags().StringVar(&flags.broker, "broker", "", "monitoring address of a NATS server, such as http://127.0.0.1:8222")
	c.Flags().StringVar(&flags.witness, "witness", "", "address of a witness, such as http://127.0.0.1:7380")
	c.Flags().StringVar(&flags.console, "console", "", "address of a console, such as http://127.0.0.1:4290")
	c.Flags().StringVar(&flags.authority, "tls-ca", "", "ask the console over TLS; its certificate is of this authority, in PEM")
	whom := []string{"part", "broker", "witness", "console"}
	c.MarkFlagsOneRequired(whom...)
	c.MarkFlagsMutuallyExclusive(whom...)
	return c
}

func (g *globals) health(ctx context.Context, flags healthFlags) error {
	switch {
	case flags.part != "":
		h, err := zone.AskHealth(ctx, flags.part)
		if err != nil {
			return unwell(err)
		}
		return g.say(h, "%s %s could act\n", h.Role, h.Name)
	case flags.broker != "":
		return g.healthOf("broker", zone.AskBroker(ctx, flags.broker))
	case flags.witness != "":
		return g.healthOf("witness", zone.AskWitness(ctx, flags.witness))
	case flags.console != "":
		return g.healthOfConsole(ctx, flags)
	default:
		return usage(errors.New("an empty name names nobody; give --part, --broker, --witness or --console what it asks for"))
	}
}

func (g *globals) healthOfConsole(ctx context.Context, flags healthFlags) error {
	var roots *x509.CertPool // none: no TLS
	if flags.authority != "" {
		text, err := os.ReadFile(flags.authority)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		if roots, err = authoritiesIn(text); err != nil {
			return usage(fmt.Errorf("--tls-ca: %s %w", flags.authority, err))
		}
	}
	return g.healthOf("console", zone.AskConsole(ctx, flags.console, roots))
}

func (g *globals) healthOf(role string, err error) error {
	if err != nil {
		return unwell(err)
	}
	return g.say(zone.Health{Role: role, Able: true}, "%s could act\n", role)
}

// unwell gives an error of asking for health its exit code.
func unwell(err error) error { return &failure{exitUnarmed, err} }
